/** What a run found, whether that is good, and how it is told. */
import { isGood, type Verdict } from './compare.ts'
import type { MemoryVerdict } from './memory.ts'
import { memoryMinutes, seconds } from './schedule.ts'
import type { Recovery } from './watch.ts'

export interface RoundReport {
  readonly number: number
  /** Of the faults, in the order of their ends. */
  readonly kinds: readonly string[]
  readonly recovery: Recovery
}

export interface RunReport {
  readonly seed: number
  readonly minutes: number
  readonly threads: number
  /** Where the logs of the instances are. */
  readonly directory: string
  readonly rounds: readonly RoundReport[]
  /** What was not done with when there was time enough. */
  readonly undrained: readonly string[]
  readonly verdicts: readonly Verdict[]
  /** Only of processes that live through the whole run. */
  readonly memory: readonly MemoryVerdict[]
  /** State that was thrown away, though no fault here damages any. */
  readonly wipes: readonly string[]
  /** Instances that ended by themselves. */
  readonly ends: readonly string[]
}

/** What is wrong, in sentences; empty: nothing. */
export function faultsOf(report: RunReport): readonly string[] {
  const { rounds, undrained, verdicts, memory, wipes, ends } = report
  return [
    ...verdicts.filter((verdict) => !isGood(verdict)).map(verdictText),
    ...rounds.flatMap(({ number, kinds, recovery }) =>
      recovery.complaints.map((line) => `round ${number} (${kinds.join(', ')}): ${line}`)
    ),
    ...undrained.map((line) => `not done at the end: ${line}`),
    ...wipes.map((line) => `state was thrown away: ${line}`),
    ...ends,
    ...memory.filter(({ isFlat }) => !isFlat).map(memoryText),
  ]
}

export function printReport(report: RunReport, print: (line: string) => void): void {
  for (const verdict of report.verdicts) print(verdictText(verdict))
  for (const [kind, ms] of slowest(report.rounds))
    print(`well after ${kind}: ${seconds(ms)} at most`)
  for (const verdict of report.memory) print(memoryText(verdict))
  const faults = faultsOf(report)
  if (faults.length === 0) {
    print(`chaos: ${report.rounds.length} rounds, all is right (seed ${report.seed})`)
    return
  }
  print(`chaos: WRONG in ${faults.length} ways`)
  for (const fault of faults) print(`- ${fault}`)
  printAgain(report, print)
}

export function printAgain(
  report: Pick<RunReport, 'seed' | 'minutes' | 'threads' | 'directory'>,
  print: (line: string) => void
): void {
  const { seed, minutes, threads, directory } = report
  const several = threads === 1 ? '' : ` --threads ${threads}`
  print(`again:  npm run chaos -- --seed ${seed} --minutes ${minutes}${several}`)
  print(`logs:   ${directory}`)
}

/** The longest recovery of the rounds in which a kind took part. */
function slowest(rounds: readonly RoundReport[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const { kinds, recovery } of rounds) {
    for (const kind of kinds) found.set(kind, Math.max(found.get(kind) ?? 0, recovery.ms))
  }
  return new Map([...found].sort(([one], [two]) => (one < two ? -1 : 1)))
}

function verdictText(verdict: Verdict): string {
  const { name, records, missing, doubled, outOfOrder, wrong, first } = verdict
  const lost = `${missing} missing, ${doubled} doubled`
  const lines = first.map((line) => `\n  ${line}`).join('')
  return `${name}: ${records} records, ${lost}, ${outOfOrder} out of order, ${wrong} wrong${lines}`
}

function memoryText(verdict: MemoryVerdict): string {
  const { name, peakMb, middleMb, lastMb, mbPerMinute } = verdict
  const [peak, middle, last] = [peakMb, middleMb, lastMb].map((mb) => mb.toFixed(0))
  return (
    `memory of ${name}: ${middle} MB in the second third, ${last} in the last, ` +
    `peak ${peak}, ${mbPerMinute.toFixed(2)} MB a minute`
  )
}

/** Whether a run is long enough to say anything about memory. */
export function followsMemory(minutes: number): boolean {
  return minutes >= memoryMinutes
}
