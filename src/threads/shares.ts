/** What one of several threads gets of the settings of a process. */
import type { KafkaSettings } from '../kafka/kafka-settings.ts'
import type { EngineSettings, ThreadData } from './messages.ts'

export interface ProcessSettings {
  readonly kafka: KafkaSettings
  readonly engine: EngineSettings
  readonly cacheBytesMax: number | undefined
}

/** As for one thread that has the process for itself. */
const defaults = {
  cacheBytesMax: 64 * 1024 * 1024,
  bufferBytesMax: 32 * 1024 * 1024,
  restoresMax: 4,
} as const
const bufferBytesMin = 64 * 1024

/**
 * Bytes and restores are divided. Every thread is a member of the group of its own: the first has
 * the name of the process, so that a static member with one thread finds its tasks again with more.
 */
export function shareOf(
  { kafka, engine, cacheBytesMax = defaults.cacheBytesMax }: ProcessSettings,
  thread: number,
  threads: number
): Pick<ThreadData, 'kafka' | 'engine' | 'cacheBytesMax'> {
  const { bufferBytesMax = defaults.bufferBytesMax, restoresMax = defaults.restoresMax } = engine
  const { instanceId } = kafka
  const isOther = instanceId !== undefined && thread > 1
  return {
    kafka: isOther ? { ...kafka, instanceId: `${instanceId}-thread-${thread}` } : kafka,
    engine: {
      ...engine,
      bufferBytesMax: Math.max(bufferBytesMin, Math.floor(bufferBytesMax / threads)),
      restoresMax: Math.ceil(restoresMax / threads),
    },
    // 0 means something else than little.
    cacheBytesMax: Math.ceil(cacheBytesMax / threads),
  }
}
