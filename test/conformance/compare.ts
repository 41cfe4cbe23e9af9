/** Whether a result is an expected one. A case may have several; an engine keeps to one choice. */
import { isDeepStrictEqual } from 'node:util'
import type { Case, CaseRecord, CaseResult, CaseRow } from './case.ts'

/** With stores on disk, with stores in memory, or if nothing ever expires from a store. */
export type Choice = 'default' | 'in memory' | 'long retention'

export interface Verdict {
  /** Undefined: the result is one of those expected. */
  readonly difference: string | undefined
  /** Which of them; empty if they do not differ from each other. */
  readonly choices: readonly Choice[]
}

export function compare(one: Case, result: CaseResult): Verdict {
  const { expected, expectedInMemory, expectedLongRetention } = one
  const candidates: (readonly [Choice, CaseResult])[] = [['default', expected]]
  const inMemory = { ...expected, ...expectedInMemory }
  if (expectedInMemory !== undefined) candidates.push(['in memory', inMemory])
  if (expectedLongRetention !== undefined) {
    // What is in the stores then, and what was dropped, is not known.
    candidates.push(['long retention', { outputs: {}, ...expectedLongRetention }])
  }
  const found = candidates.map(
    ([choice, candidate]) => [choice, differenceOf(one, candidate, result)] as const
  )
  const matching = found.flatMap(([choice, difference]) =>
    difference === undefined ? [choice] : []
  )
  const isSensitive = candidates.length > 1
  return {
    difference: matching.length > 0 ? undefined : found[0]?.[1],
    choices: isSensitive ? [...new Set(matching)] : [],
  }
}

/** The first one; undefined if there is none. */
export function differenceOf(
  { family, order }: Pick<Case, 'family' | 'order'>,
  expected: CaseResult,
  result: CaseResult
): string | undefined {
  if (expected.error?.step !== result.error?.step) {
    const said = result.error?.message === undefined ? '' : ` (${result.error.message})`
    return `error: expected ${at(expected.error?.step)}, got ${at(result.error?.step)}${said}`
  }
  // What the failing step had put out was not committed.
  const until = expected.error?.step ?? Number.POSITIVE_INFINITY
  const topics = new Set([...Object.keys(expected.outputs), ...Object.keys(result.outputs)])
  for (const topic of topics) {
    const records = (from: CaseResult): readonly CaseRecord[] =>
      arranged(from.outputs[topic] ?? [], order).filter(({ step }) => step < until)
    const difference = firstOf(`outputs.${topic}`, records(expected), records(result))
    if (difference !== undefined) return difference
  }
  if (expected.error !== undefined) return undefined
  return storesDifference(expected, result) ?? droppedDifference(family, expected, result)
}

function storesDifference(expected: CaseResult, result: CaseResult): string | undefined {
  for (const [name, rows] of Object.entries(expected.stores ?? {})) {
    const found = result.stores?.[name] ?? []
    const difference = firstOf(`stores.${name}`, sorted(rows), sorted(found))
    if (difference !== undefined) return difference
  }
  return undefined
}

/** Not everywhere is it the same in every kind of store. */
const uncounted = /^(?:ssjoin-|session$|cogroup$|composite$)/

function droppedDifference(
  family: string,
  expected: CaseResult,
  result: CaseResult
): string | undefined {
  if (uncounted.test(family) || expected.dropped === undefined) return undefined
  if (expected.dropped === result.dropped) return undefined
  return `dropped: expected ${expected.dropped}, got ${result.dropped}`
}

function firstOf(where: string, expected: readonly object[], found: readonly object[]) {
  for (let index = 0; index < Math.max(expected.length, found.length); index++) {
    const [wanted, got] = [expected[index], found[index]]
    if (isDeepStrictEqual(wanted, got)) continue
    const show = (one: unknown): string => JSON.stringify(one) ?? 'nothing'
    return `${where}[${index}]: expected ${show(wanted)}, got ${show(got)}`
  }
  return undefined
}

/** Between keys there may be no order: then each key's records in theirs. */
function arranged(records: readonly CaseRecord[], order: Case['order']): readonly CaseRecord[] {
  if (order !== 'perKey') return records
  const byKey = groupByKey(records)
  return [...byKey.keys()].sort().flatMap((key) => byKey.get(key) ?? [])
}

function sorted(rows: readonly CaseRow[]): readonly CaseRow[] {
  const text = ({ key, start = 0, end = 0, ts = 0 }: CaseRow): string =>
    JSON.stringify([key, start, end, ts])
  return rows.toSorted((a, b) => (text(a) < text(b) ? -1 : 1))
}

function at(step: number | undefined): string {
  if (step === undefined) return 'none'
  return step < 0 ? 'a refused topology' : `one in step ${step}`
}

function groupByKey(records: readonly CaseRecord[]): ReadonlyMap<string, readonly CaseRecord[]> {
  const groups = new Map<string, CaseRecord[]>()
  for (const record of records) {
    const key = JSON.stringify(record.key)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [record])
    else group.push(record)
  }
  return groups
}
