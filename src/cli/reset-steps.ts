/**
 * What `millrace reset` does, in an order that may be cut anywhere:
 *
 *     lock the directory ─▶ remove the state ─▶ forget offsets ─▶ delete topics ─▶ set offsets
 *                                             ─▶ remove what tells which topics were its own
 *
 * Invariants: as long as the state directory is locked nobody starts on it; a state never outlives
 * what its offsets and changelogs say; whoever finds a reset that was cut does it again. Cut after
 * the state, the application goes on as before, restored; after the offsets it is refused
 * (`MILLRACE_OFFSETS_LOST`) until the reset is done. On the embedded log the last three are one.
 */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openStateDirectory } from '../../state/index.ts'
import type { Offset, TopicPartition } from '../ids.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { kafkaSettings } from '../kafka/kafka-settings.ts'
import { EmbeddedLog } from '../log/embedded-log.ts'
import { silentLogger } from '../log.ts'
import type { Settings } from './settings.ts'

export interface ResetOffset extends TopicPartition {
  /** Null: nothing was committed. */
  readonly from: Offset | null
  readonly to: Offset
  /** Whether it is committed; otherwise the start of the topic is meant. */
  readonly sets: boolean
}

export interface ResetPlan {
  readonly applicationId: string
  readonly log: 'embedded' | 'kafka'
  /** Who runs it, and is in the way. */
  readonly members: readonly string[]
  readonly offsets: readonly ResetOffset[]
  /** Whether what the application has committed is forgotten. */
  readonly forgets: boolean
  /** Its own topics, which are deleted. */
  readonly topics: readonly string[]
  /** Topics that are named as its own are, and stay. */
  readonly others: readonly string[]
  /** Null: there is none here. */
  readonly directory: string | null
}

export async function carryOut(plan: ResetPlan, settings: Settings): Promise<void> {
  const { directory } = settings
  const state = existsSync(directory) ? await openStateDirectory(directory) : undefined
  try {
    rmSync(join(directory, 'tasks'), { recursive: true, force: true })
    if (plan.forgets) await resetLog(plan, settings)
    // Last: without a module, a reset that was cut is done again by what it says.
    rmSync(join(directory, 'topology.json'), { force: true })
  } finally {
    await state?.close()
  }
}

async function resetLog({ topics, offsets }: ResetPlan, settings: Settings): Promise<void> {
  const { kafka, applicationId, directory } = settings
  const wanted = offsets
    .filter(({ sets }) => sets)
    .map(({ topic, partition, to }) => ({ topic, partition, offset: to }))
  if (kafka === null) {
    const log = await EmbeddedLog.open({ path: join(directory, 'log'), group: applicationId })
    try {
      await log.reset({ topics, offsets: wanted })
    } finally {
      await log.close()
    }
    return
  }
  const admin = await KafkaAdmin.connect(kafkaSettings(kafka), applicationId, silentLogger)
  try {
    await admin.deleteGroup()
    await admin.deleteTopics(topics)
    await admin.setOffsets(wanted)
  } finally {
    admin.close()
  }
}
