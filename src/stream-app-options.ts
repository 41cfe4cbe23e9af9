/** What an application may be told, and what can be wrong with it: all faults at once. */
import { type Clock, systemClock } from './clock.ts'
import type { ErrorOptions } from './error-policy.ts'
import { legalName } from './ids.ts'
import type { KafkaSettings } from './kafka/kafka-settings.ts'
import type { Logger } from './log.ts'
import type { Log } from './runtime/ports.ts'
import type { Guarantee } from './runtime/task-environment.ts'
import { moduleFaults, type TopologyModule } from './threads/topology-module.ts'
import { faultOfOptimize, type Optimize } from './topology/optimizations.ts'
import type { Topology } from './topology/topology.ts'

export interface StreamAppOptions {
  /** Consumer group and prefix of internal topics: up to 180 letters, digits, `.`, `_`, `-`. */
  readonly applicationId: string
  /** Where state is kept, and the embedded log. Default `.data`. */
  readonly stateDir?: string
  /**
   * Without it and `kafka`: the embedded log, in `<stateDir>/<applicationId>/log`. The signal of a
   * function that opens one is aborted if the application is closed meanwhile.
   */
  readonly log?: Log | ((signal: AbortSignal) => Promise<Log>)
  /** Brokers, and how to reach them; the rest follows from the other options. */
  readonly kafka?: KafkaSettings
  /**
   * How many threads run tasks, each of them a member of the group with connections, a producer and
   * tasks of its own. Default 1: they run in this thread. More need `kafka`, and `topologyModule`.
   */
  readonly threads?: number
  /** What each of several threads builds the topology with: functions cannot be sent to them. */
  readonly topologyModule?: TopologyModule
  /** Default `exactly_once`. */
  readonly guarantee?: Guarantee
  /** Between two commits; where nothing is left to read, a fifth of it. Default 100. */
  readonly commitIntervalMs?: number
  /**
   * Committed values kept in memory, default 64 MiB. 0 switches the coalescing of updates off, as
   * in Kafka Streams: every update goes on at once, not the last of each key with the commit.
   */
  readonly cacheBytesMax?: number
  /** Uncommitted bytes above which a commit comes early, and processing waits. Default 32 MiB. */
  readonly bufferBytesMax?: number
  /** Tasks restored at one time. Default 4. */
  readonly restoresMax?: number
  /** How often committed records of repartition topics are deleted. Default 30,000. */
  readonly purgeIntervalMs?: number
  /** How long `close` may take before it gives up what is not committed. Default 8,000. */
  readonly closeDeadlineMs?: number
  /** Takes the place of what `build` was asked for. Default: what that was. */
  readonly optimize?: Optimize
  /** What happens to records that fail, where the topology does not say. */
  readonly errors?: ErrorOptions
  readonly clock?: Clock
  readonly logger?: Logger
}

const threadsMax = 64
const guarantees: readonly string[] = ['exactly_once', 'at_least_once'] satisfies Guarantee[]

/** One line each. */
export function faultsOf(topology: Topology, options: StreamAppOptions): readonly string[] {
  const { applicationId, stateDir, guarantee, log, kafka } = options
  const faults: string[] = []
  const unnamed = legalName(applicationId)
  if (unnamed !== undefined) faults.push(`applicationId: ${unnamed}`)
  if (stateDir === '') faults.push('stateDir: expected a directory, got an empty text')
  if (log !== undefined && typeof log !== 'object' && typeof log !== 'function') {
    faults.push(`log: expected a log, or a function that opens one, got ${typeof log}`)
  }
  if (log !== undefined && kafka !== undefined) faults.push('kafka: a log is given already')
  if (kafka !== undefined && kafka.brokers.length === 0) {
    faults.push("kafka: expected at least one broker, as 'host:port'")
  }
  const illegal = kafka?.instanceId === undefined ? undefined : legalName(kafka.instanceId)
  if (illegal !== undefined) faults.push(`kafka.instanceId: ${illegal}`)
  if (guarantee !== undefined && !guarantees.includes(guarantee)) {
    faults.push(`guarantee: expected one of ${guarantees.join(', ')}, got '${guarantee}'`)
  }
  const unknown = options.optimize === undefined ? undefined : faultOfOptimize(options.optimize)
  if (unknown !== undefined) faults.push(`optimize: ${unknown}`)
  faults.push(...threadFaults(options))
  const least = {
    commitIntervalMs: 1,
    cacheBytesMax: 0,
    bufferBytesMax: 64 * 1024,
    restoresMax: 1,
    purgeIntervalMs: 0,
    closeDeadlineMs: 0,
  } as const
  for (const [name, min] of Object.entries(least) as [keyof typeof least, number][]) {
    const value = options[name]
    if (value === undefined || (Number.isSafeInteger(value) && value >= min)) continue
    faults.push(`${name}: expected a whole number of at least ${min}, got ${value}`)
  }
  if (topology.subtopologies.length === 0) {
    faults.push('topology: expected at least one source, found none')
  }
  return faults
}

/** Threads share nothing but data: what is made of functions each of them makes for itself. */
function threadFaults(options: StreamAppOptions): readonly string[] {
  const { threads = 1, topologyModule: module, kafka, log, clock } = options
  const faults = module === undefined ? [] : [...moduleFaults(module)]
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > threadsMax) {
    faults.push(`threads: expected a whole number from 1 to ${threadsMax}, got ${threads}`)
  } else if (threads > 1) {
    if (module === undefined) {
      faults.push(
        'threads: more than one needs topologyModule, the module that builds the topology: ' +
          'functions cannot be sent to a thread'
      )
    }
    if (log !== undefined) faults.push('log: cannot be shared by several threads; give kafka')
    else if (kafka === undefined) {
      faults.push('threads: more than one needs kafka: the embedded log belongs to one thread')
    }
    if (clock !== undefined && clock !== systemClock) {
      faults.push('clock: cannot be sent to a thread; it takes one of the system')
    }
  }
  return faults
}
