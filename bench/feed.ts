/**
 * Writes the input of a soak, in a process of its own, as fast as it is told: its parent says how
 * many records there may be, and it says how many there are.
 */
import { eventSource } from './events.ts'
import { Outside } from './outside.ts'
import type { EventShape } from './shape.ts'

export interface FeedPlan {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly shape: EventShape
}

const turnRecords = 5_000
const pauseMs = 5

const plan = JSON.parse(process.argv[2] ?? '{}') as FeedPlan
const outside = await Outside.open(plan.brokers)
const next = eventSource(plan.shape)
let allowed = 0
let written = 0

async function feed(): Promise<void> {
  for (;;) {
    const end = Math.min(allowed, written + turnRecords)
    if (written >= end) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    for (; written < end; written++) {
      const { partition, timestamp, key, value } = next()
      outside.put(partition, key, value, timestamp)
    }
    outside.send(plan.topic)
    await outside.flush()
  }
}

// It never takes back what it has allowed: whoever has no task for a moment has no position either.
process.on('message', (count: number) => {
  allowed = Math.max(allowed, count)
})
// Whoever is fed is gone.
process.on('disconnect', () => process.exit(0))
await feed()
