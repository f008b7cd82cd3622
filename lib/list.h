/* SPDX-License-Identifier: GPL-2.0-only */
/* A circular doubly linked list, links embedded in the objects. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define list_entry(link, type, member) ((type *)(void *)((char *)(link) - offsetof(type, member)))
#define list_for_each(pos, head)       for (struct list *pos = (head)->next; pos != (head); pos = pos->next)

static inline void list_init(struct list *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

/* Inserts link in front of `before`; with a list head: at its end. */
static inline void list_insert(struct list *before, struct list *link)
{
	link->next = before;
	link->prev = before->prev;
	before->prev->next = link;
	before->prev = link;
}

/* Leaves link initialised, so that removing twice is harmless. */
static inline void list_remove(struct list *link)
{
	link->next->prev = link->prev;
	link->prev->next = link->next;
	list_init(link);
}
