/** Dead letters as `src/runtime/failures.ts` writes them: where they came from, and why. */
import type { TopicPartition } from '../ids.ts'
import type { RecordCursor, RecordHeaders } from '../record.ts'

export interface DeadLetter extends TopicPartition {
  readonly offset: number
  readonly reason: string
  readonly message: string
  /** How often it has been sent back before. */
  readonly replays: number
}

const errorPrefix = 'millrace-error-'
const replaysName = 'millrace-replays'

/** Undefined: nothing tells where the record came from. */
export function deadLetterOf({ headers }: Pick<RecordCursor, 'headers'>): DeadLetter | undefined {
  // A record that has died twice tells of both times: the last one counts.
  const texts = new Map(headers.map(([name, value]) => [name, value && Buffer.from(value)]))
  const text = (name: string): string => texts.get(`${errorPrefix}${name}`)?.toString() ?? ''
  const [topic, partition] = [text('topic'), Number(text('partition') || Number.NaN)]
  if (topic === '' || !Number.isSafeInteger(partition) || partition < 0) return undefined
  return {
    topic,
    partition,
    offset: Number(text('offset')),
    reason: text('reason'),
    message: text('message'),
    replays: Number(texts.get(replaysName)?.toString() ?? 0),
  }
}

/** Those that it came with, and how often it has been sent back by now. */
export function headersToReplay(headers: RecordHeaders, { replays }: DeadLetter): RecordHeaders {
  const own = headers.filter(([name]) => !name.startsWith(errorPrefix) && name !== replaysName)
  return [...own, [replaysName, Buffer.from(String(replays + 1))]]
}
