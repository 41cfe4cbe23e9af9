/** What `mapAsync` is told, and the node that it leaves. */
import { type Duration, durationMs } from '../durations.ts'
import { TopologyError } from '../errors.ts'
import type { StreamFlow } from './flow.ts'
import type { MapAsyncNode, UserFunction } from './graph.ts'

export interface MapAsyncOptions {
  /** How many calls may be under way at one time, in each task. Default 16. */
  readonly concurrency?: number
  /** How long a call may take; then it has failed, and its signal is aborted. Default `'30s'`. */
  readonly timeout?: Duration
  /** How often a call that failed is made again, before the record counts as failed. Default 0. */
  readonly retries?: number
  /** How long to wait before the first of them; doubled, up to a minute. Default `'1s'`. */
  readonly backoff?: Duration
}

export function addMapAsync(
  { graph, node }: StreamFlow,
  fn: UserFunction,
  options: MapAsyncOptions
): MapAsyncNode {
  const { concurrency = 16, timeout = '30s', retries = 0, backoff = '1s' } = options
  const timeoutMs = durationMs(timeout)
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw invalid(`with a concurrency of ${concurrency}: give a whole number from 1 on`)
  }
  if (!Number.isSafeInteger(retries) || retries < 0) {
    throw invalid(`${retries} times more: give a whole number from 0 on`)
  }
  if (timeoutMs <= 0) throw invalid(`within ${timeout}: give them some time`)
  return graph.add({
    kind: 'map-async',
    name: graph.nameOf('KSTREAM-MAPASYNC'),
    fn,
    concurrency,
    timeoutMs,
    retries,
    backoffMs: durationMs(backoff),
    inputs: [node],
  })
}

function invalid(how: string): TopologyError {
  return new TopologyError('MILLRACE_ASYNC_INVALID', `mapAsync cannot make calls ${how}.`)
}
