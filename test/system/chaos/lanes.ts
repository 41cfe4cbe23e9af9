/** Records as rows by lane. */
import type { ForeignRecord } from '../../support/foreign-client.ts'
import type { Row } from './compare.ts'

/** In the order of the records. */
export function lanesOf(
  records: readonly ForeignRecord[],
  topic: string,
  rowOf: (record: ForeignRecord) => { lane: string; id: string; text: string }
): ReadonlyMap<string, readonly Row[]> {
  const lanes = new Map<string, Row[]>()
  for (const record of records) {
    const { lane, id, text } = rowOf(record)
    const row = { id, text, at: `${topic}-${record.partition}@${record.offset}` }
    const rows = lanes.get(lane)
    if (rows === undefined) lanes.set(lane, [row])
    else rows.push(row)
  }
  return lanes
}
