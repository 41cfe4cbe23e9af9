/** What `deduplicate` and `print` are told, and the nodes that they leave. */
import { inspect } from 'node:util'
import type { Member } from '../aggregators/aggregator.ts'
import { type Duration, durationMs } from '../durations.ts'
import { TopologyError } from '../errors.ts'
import type { StreamFlow } from './flow.ts'
import type { DeduplicateNode, UserFunction } from './graph.ts'

export interface DeduplicateOptions<K, V> {
  /** The id of a record: text, number, bigint, boolean or bytes. Null or undefined: it passes. */
  readonly by: (value: V, key: K) => Member
  /** Of records with one id, the first passes and those less than this before or after do not. */
  readonly within: Duration
  /**
   * A record that is older than the newest by more than `within` and this is dropped, and counted
   * as `late`: nobody knows any more whether it came before. Default `'0ms'`.
   */
  readonly grace?: Duration
  /**
   * What a duplicate, or a record that comes too late to tell, goes on as, instead of being dropped
   * and counted: `(order, _id, reason) => ({ ...order, reason })`.
   */
  readonly others?: (value: V, key: K, reason: 'duplicate' | 'late') => V
}

export interface PrintOptions {
  /** Default: the name of the node. */
  readonly label?: string
  /** Default: standard output. */
  readonly write?: (line: string) => void
}

export function addDeduplicate(
  { graph, node }: StreamFlow,
  durable: string,
  { by, within, grace = '0ms', others }: DeduplicateOptions<never, never>
): DeduplicateNode {
  const withinMs = durationMs(within)
  if (withinMs <= 0) {
    throw new TopologyError(
      'MILLRACE_WINDOW_INVALID',
      `Nothing is a duplicate within ${within}: give '${durable}' a span above 0.`
    )
  }
  const spans = { withinMs, graceMs: durationMs(grace) }
  const functions = { by: by as UserFunction, others: others as UserFunction | undefined }
  const rest = { ...spans, ...functions, inputs: [node] }
  return graph.add({ kind: 'deduplicate', name: durable, durable, ...rest })
}

/** `[label]: key, value`, as Kafka Streams prints. */
export function printer(
  name: string,
  options: PrintOptions
): (value: unknown, key: unknown) => void {
  const { label = name, write = (line) => process.stdout.write(line) } = options
  const text = (one: unknown): string => (typeof one === 'string' ? one : inspect(one))
  return (value, key) => {
    write(`[${label}]: ${text(key)}, ${text(value)}\n`)
  }
}
