/** Ends what producers that are gone have left open: many at once, and for a limited time. */
import type { Cluster } from './cluster.ts'
import type { ThrottledLog } from './throttled-log.ts'
import { fenceTransactionalId } from './transaction-client.ts'

/** Answers with those that could not be fenced in time. */
export async function fenceAll(
  cluster: Cluster,
  ids: readonly string[],
  deadlineMs: number,
  log: Pick<ThrottledLog, 'warn'>
): Promise<readonly string[]> {
  const results = await Promise.allSettled(
    ids.map((id) => fenceTransactionalId(cluster, id, { deadlineMs }))
  )
  const failures = results.flatMap((result, i) =>
    result.status === 'rejected' ? [{ id: ids[i] ?? '', reason: result.reason as unknown }] : []
  )
  const [first] = failures
  if (first !== undefined) {
    log.warn('Producers of members that are gone could not be fenced', { error: first.reason })
  }
  return failures.map(({ id }) => id)
}
