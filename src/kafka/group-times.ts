/** How patient a group is with its members. */

export interface GroupTimes {
  /** Silence after which the group does without a member. Default 10,000. */
  readonly sessionMs?: number
  /** At most a quarter of the session. Default a tenth of it, or of `rebalanceMs`: the shorter. */
  readonly heartbeatMs?: number
  /** How long a rebalance waits for its slowest member. Default 30,000. */
  readonly rebalanceMs?: number
  /**
   * How long one record may block the process before it counts as dead, and its tasks go to others;
   * Kafka's `max.poll.interval.ms`. Default 300,000.
   */
  readonly maxPollIntervalMs?: number
}

export function withDefaults(times: GroupTimes = {}): Required<GroupTimes> {
  const { sessionMs = 10_000, rebalanceMs = 30_000, maxPollIntervalMs = 300_000 } = times
  // A rebalance is told in the answer to a heartbeat.
  const usualMs = Math.min(sessionMs, rebalanceMs) / 10
  const heartbeatMs = Math.min(times.heartbeatMs ?? usualMs, sessionMs / 4)
  return { sessionMs, heartbeatMs, rebalanceMs, maxPollIntervalMs }
}
