# SPDX-License-Identifier: GPL-2.0-only
# For gdb on a box that QEMU runs (`make debug`): symbols, a connection, and two commands.
#
#   gdb -x tools/gdb/bulkhead.gdb            from the top folder; BULKHEAD_PORT= if not 1234
#
#   bh-cpus    each processor: its current thread, that thread's space and vCPU, its work, its run queue
#   bh-vcpu V  one vCPU (an expression, or none: of this processor's thread)
#
# QEMU presents each processor as a thread: `thread N`, `bt`. Ring 3: `add-symbol-file build/monitor.debug.elf`.
set pagination off
set print pretty on
set confirm off
set architecture i386:x86-64

python
import os

GPRS = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split()
THREAD = ['stopped', 'ready', 'running', 'parked', 'gone']
MODE = ['outside', 'in guest', 'parked']

gdb.execute('file ' + os.environ.get('O', 'build') + '/kernel.debug.elf')
gdb.execute('target remote 127.0.0.1:' + os.environ.get('BULKHEAD_PORT', '1234'))

def value(expression):
    return gdb.parse_and_eval(expression)

def name_of(table, n):
    n = int(n)
    return table[n] if n < len(table) else str(n)

def text(chars):
    return chars.string(errors='replace') if chars[0] != 0 else '-'

def thread_words(t):
    if int(t) == 0:
        return 'none'
    words = 'thread %#x %s' % (int(t), name_of(THREAD, t['state']))
    if t['is_idle']:
        return words + ' idle'
    if int(t['space']):
        words += ' of "%s"' % text(t['space']['name'])
    words += ' priority %d cpu %d' % (int(t['priority']), int(t['cpu']))
    if t['target'] != t['cpu']:
        words += ' going to %d' % int(t['target'])
    if int(t['vcpu']):
        words += ' vCPU %#x' % int(t['vcpu'])
    return words

class Cpus(gdb.Command):
    """Each processor: its current thread, that thread's space and vCPU, work and run queue."""
    def __init__(self):
        super().__init__('bh-cpus', gdb.COMMAND_USER)

    def invoke(self, args, tty):
        for i in range(int(value('cpu_count'))):
            p = value('cpu_table[%d]' % i)
            if int(p) == 0:
                continue
            print('cpu %d: APIC ID %d work %#x interrupts %d switches %d' % (
                i, int(p['apic_id']), int(p['work']), int(p['stats']['interrupts']), int(p['stats']['switches'])))
            print('  now: ' + thread_words(p['current']))
            share, seen = p['run']['ready'], set()
            while int(share) and int(share) not in seen:
                seen.add(int(share))
                t = share['first']
                while int(t) and int(t) not in seen:
                    print('  queued: ' + thread_words(t))
                    seen.add(int(t))
                    t = t['run_next']
                if int(t):
                    break
                share = share['next']
            if int(share):
                print('  the queue goes round in a circle')
            timer = p['timers']
            if int(timer):
                print('  first timer %#x, programmed %#x' % (
                    int(timer['deadline']), int(p['timer_programmed'])))

class Vcpu(gdb.Command):
    """One vCPU: bh-vcpu [EXPRESSION]. Without one: the vCPU of the first processor that runs one."""
    def __init__(self):
        super().__init__('bh-vcpu', gdb.COMMAND_USER)

    def find(self):
        for i in range(int(value('cpu_count'))):
            t = value('cpu_table[%d]->current' % i)
            if int(t) and int(t['vcpu']):
                return t['vcpu']
        vm = value("'kernel/vm.c'::all.first")
        while int(vm):
            for i in range(int(vm['vcpu'].type.range()[1]) + 1):
                if int(vm['vcpu'][i]):
                    return vm['vcpu'][i]
            vm = vm['next']
        raise gdb.GdbError('no processor runs a vCPU; give an expression')

    def invoke(self, args, tty):
        if args:
            v = value('(struct vcpu *)(%s)' % args)
        else:
            v = self.find()
        print('vCPU %#x: "%s" index %d APIC ID %d, %s, activity %d, request %#x' % (
            int(v), text(v['vm']['name']), int(v['index']), int(v['apic_id']),
            name_of(MODE, v['mode']), int(v['activity']), int(v['request'])))
        print('  thread: ' + thread_words(v['thread']))
        for row in range(0, 16, 4):
            print('  ' + '  '.join('%-3s %016x' % (GPRS[i], int(v['gpr'][i])) for i in range(row, row + 4)))
        print('  cr8 %d intr %d nmi pending %d event type %d vector %#x, windows %#x' % (
            int(v['cr8']), int(v['intr']), int(v['nmi_pending']), int(v['event']['type']),
            int(v['event']['vector']), int(v['window_wanted'])))
        if text(value('hv->name')) == 'SVM':
            c = value('((struct svm_vcpu *)%d)->vmcb' % int(v))
            print('  rip %#x rflags %#x cs %#x cr0 %#x cr3 %#x cr4 %#x efer %#x shadow %d' % tuple(
                int(x) for x in (c['rip'], c['rflags'], c['seg'][1]['selector'], c['cr0'], c['cr3'],
                                 c['cr4'], c['efer'], c['interrupt_shadow'])))
            print('  exit %#x info1 %#x info2 %#x intinfo %#x' % tuple(
                int(c[f]) for f in ('exit_code', 'exit_info1', 'exit_info2', 'exit_int_info')))
        kinds = value('(enum hv_exit_kind)0').type.fields()
        counts = [(int(v['area']['count'][f.enumval]), f.name) for f in kinds if f.name != 'HV_EXIT_KINDS']
        print('  entries %d: %s' % (int(v['area']['entries']),
              ' '.join('%s %d' % (n[8:].lower(), c) for c, n in sorted(counts, reverse=True) if c)))

Cpus()
Vcpu()
end
