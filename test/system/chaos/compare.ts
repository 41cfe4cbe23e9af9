/** Compares what came out with what should have: per partition, in order, each record once. */

export interface Row {
  /** Which record it is; unique among those expected. */
  readonly id: string
  /** All else that must be right. */
  readonly text: string
  /** `topic-partition@offset` of the output, or of the input that calls for it. */
  readonly at: string
}

export interface Verdict {
  readonly name: string
  readonly records: number
  readonly missing: number
  readonly doubled: number
  readonly outOfOrder: number
  /** Not what was expected under that name, or not expected at all. */
  readonly wrong: number
  /** The first differences, for a person. */
  readonly first: readonly string[]
}

const differencesMax = 5

/** Both by partition, or by whatever else keeps an order. */
export function compare(
  name: string,
  expected: ReadonlyMap<string, readonly Row[]>,
  actual: ReadonlyMap<string, readonly Row[]>
): Verdict {
  const lanes = new Set([...expected.keys(), ...actual.keys()])
  const all = [...lanes].map((lane) =>
    compareLane(expected.get(lane) ?? [], actual.get(lane) ?? [])
  )
  return { name, ...sum(all) }
}

export function isGood(verdict: Verdict): boolean {
  const { missing, doubled, outOfOrder, wrong } = verdict
  return missing + doubled + outOfOrder + wrong === 0
}

type Counts = Omit<Verdict, 'name'>

function sum(all: readonly Counts[]): Counts {
  const total = (pick: (counts: Counts) => number): number =>
    all.reduce((sum, counts) => sum + pick(counts), 0)
  return {
    records: total(({ records }) => records),
    missing: total(({ missing }) => missing),
    doubled: total(({ doubled }) => doubled),
    outOfOrder: total(({ outOfOrder }) => outOfOrder),
    wrong: total(({ wrong }) => wrong),
    first: all.flatMap(({ first }) => first).slice(0, differencesMax),
  }
}

function compareLane(expected: readonly Row[], actual: readonly Row[]): Counts {
  const places = new Map(expected.map(({ id }, place) => [id, place]))
  const seen = new Set<string>()
  const counts = { doubled: 0, outOfOrder: 0, wrong: 0 }
  let last = -1
  for (const { id, text } of actual) {
    const place = places.get(id)
    if (place === undefined || expected[place]?.text !== text) counts.wrong++
    if (place === undefined) continue
    if (seen.has(id)) counts.doubled++
    else if (place < last) counts.outOfOrder++
    seen.add(id)
    last = Math.max(last, place)
  }
  const missing = expected.length - seen.size
  return { records: actual.length, missing, ...counts, first: firstDifferences(expected, actual) }
}

function firstDifferences(expected: readonly Row[], actual: readonly Row[]): readonly string[] {
  const lines: string[] = []
  for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
    const [want, got] = [expected[i], actual[i]]
    if (want?.id === got?.id && want?.text === got?.text) continue
    lines.push(`expected ${told(want)}\n    found    ${told(got)}`)
    // What follows a gap differs in every line.
    if (lines.length === differencesMax || want?.id !== got?.id) break
  }
  return lines
}

function told(row: Row | undefined): string {
  return row === undefined ? 'nothing more' : `${row.id} ${row.text} at ${row.at}`
}
