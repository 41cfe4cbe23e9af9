/** Processors of cases, written against the public Processor API. */
import type {
  KeyValueStore,
  Processor,
  ProcessorContext,
  StreamRecord,
} from '../../../src/index.ts'
import type { CaseValue, NodeFields } from '../case.ts'
import { CaseError } from '../case.ts'
import { type AnyKey, type AnyValue, textOf } from './text.ts'

type Context = ProcessorContext<string | null, AnyValue>
type Store = KeyValueStore<string, CaseValue>
type Body = Processor<AnyKey, AnyValue>
export type MakeProcessor = (context: Context, store: Store) => Body

export function processor(fields: NodeFields): MakeProcessor {
  const name = fields.text('processor')
  if (name === 'dedup') return dedup
  if (name === 'countPunctuator') return countPunctuator(fields)
  throw new CaseError(`unknown processor '${name}'`)
}

/** `numberValues`: the only one that keeps the key. */
export function valueProcessor(
  name: string
): (store: Store) => (value: AnyValue, key: AnyKey) => string {
  if (name !== 'numberValues') throw new CaseError(`unknown value processor '${name}'`)
  return (store) => (value, key) => {
    const n = Number(store.get(textOf(key)) ?? 0) + 1
    store.put(textOf(key), n)
    return `${n}:${textOf(value)}`
  }
}

function dedup(context: Context, store: Store): Body {
  return {
    process({ key, value }) {
      if (key !== null) {
        const text = textOf(key)
        const before = store.get(text) ?? null
        if (before === value) return
        if (value === null) store.delete(text)
        else store.put(text, value)
      }
      context.forward({ key: key as string | null, value })
    },
  }
}

/** Counts by key, and tells what it has counted at every punctuation. */
function countPunctuator(fields: NodeFields): MakeProcessor {
  const everyMs = fields.number('everyMs')
  const clock = fields.text('type') === 'streamTime' ? 'stream-time' : 'wall-clock'
  const cancelAfter = fields.optionalNumber('cancelAfter')
  const echoes = fields.flag('echo')
  return (context, store) => {
    let punctuations = 0
    const schedule = context.schedule(`${everyMs}ms`, clock, async (timestamp) => {
      const counts: (readonly [string, CaseValue])[] = []
      for await (const entry of store.range()) counts.push(entry)
      for (const [key, value] of counts) context.forward({ key, value, timestamp })
      // No time at all is -1 in Java.
      context.forward({ key: '~', value: Math.max(-1, context.streamTime), timestamp })
      punctuations += 1
      if (punctuations === cancelAfter) schedule.cancel()
    })
    return {
      process({ key, value }: StreamRecord<AnyKey, AnyValue>) {
        const text = textOf(key)
        store.put(text, Number(store.get(text) ?? 0) + 1)
        if (echoes) context.forward({ key: key as string | null, value })
      },
    }
  }
}
