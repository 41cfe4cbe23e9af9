/**
 * A thread that runs tasks: an engine with a log, connections and a producer of its own, over the
 * state directory of the process. See `threaded-engine.ts` for the other side.
 */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'
import { shareStateDirectory } from '../../state/index.ts'
import { present } from '../assert.ts'
import { FatalError } from '../errors.ts'
import { KafkaLog } from '../kafka/kafka-log.ts'
import { Ending } from '../runtime/ending.ts'
import { Engine } from '../runtime/engine.ts'
import type { AppSnapshot } from '../runtime/snapshot.ts'
import { settled } from '../topology/settled.ts'
import type { Topology } from '../topology/topology.ts'
import { AskedLocks } from './asked-locks.ts'
import { describeTopology, placesOf } from './descriptions.ts'
import type { FromThread, ThreadData, ToThread } from './messages.ts'
import { toPlainError } from './plain-error.ts'
import { StoreServer } from './store-server.ts'
import { ThreadLogger } from './thread-logger.ts'
import { importTopology } from './topology-module.ts'

/** How often news are told, and how often the thread shows itself without any. */
const newsMs = 100
const signMs = 1_000

const port = present(parentPort, 'a thread of its own')
const data = workerData as ThreadData
const logger = new ThreadLogger((line) => tell({ kind: 'line', line }), { thread: data.thread })
const locks = new AskedLocks((kind, id, task) => tell({ kind, id, task }))
/** Aborted when it is to close. */
const cut = new AbortController()
const resources: (() => Promise<void>)[] = []
let engine: Engine | undefined
let server: StoreServer | undefined
/** Resolve when all are ready to join the group, and when all have made their last commits. */
const [allJoin, allLeave] = [new Ending(), new Ending()]
let told: AppSnapshot | undefined
let toldAt = Number.NEGATIVE_INFINITY

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'close':
      cut.abort()
      // What comes of it `run` sees.
      void engine?.close(message.deadlineMs)
      return
    case 'join':
      allJoin.resolve()
      return
    case 'leave':
      allLeave.resolve()
      return
    case 'granted':
      locks.granted(message.id)
      return
    default:
      server?.take(message)
  }
})

await run()

async function run(): Promise<void> {
  let failure: unknown
  const news = setInterval(tellNews, newsMs)
  try {
    const [topology, log] = await bothOf(buildTopology, openLog)
    const running = open(topology, log)
    await running.start()
    if (running.state === 'running' || running.state === 'rebalancing') {
      const places = placesOf(topology, running.plan)
      tell({ kind: 'started', places, snapshot: running.snapshot() })
    }
    await running.done
  } catch (error) {
    failure = error
    // What the engine had begun ends first: it still uses what is closed here.
    await engine?.done.catch(() => {})
  }
  clearInterval(news)
  server?.close()
  await release()
  const snapshot = engine?.snapshot()
  const isWanted = failure === undefined || (cut.signal.aborted && engine?.failure === undefined)
  if (isWanted) tell({ kind: 'closed', snapshot })
  else tell({ kind: 'failed', error: toPlainError(failure), snapshot })
  port.close()
}

function open(topology: Topology, log: KafkaLog): Engine {
  const { thread, applicationId, directory: path, cacheBytesMax } = data
  cut.signal.throwIfAborted()
  const directory = shareStateDirectory(path, locks, {
    log: logger,
    ...(cacheBytesMax === 0 ? {} : { cacheBytesMax }),
  })
  // Behind the log: it goes on as long as the log does.
  resources.push(() => directory.close())
  const made = new Engine({
    ...data.engine,
    topology,
    applicationId,
    log,
    directory,
    logger,
    thread,
    caching: cacheBytesMax !== 0,
    beforeJoining: joinWithOthers,
    beforeLeaving: leaveWithOthers,
  })
  engine = made
  server = new StoreServer({
    readable: topology.readable,
    partsOf: (name) => made.partsOf(name),
    answer: tell,
  })
  return made
}

async function buildTopology(): Promise<Topology> {
  const built = settled(await importTopology(data.module), data.settling)
  if (describeTopology(built) === data.description) return built
  const { url, name } = data.module
  throw new FatalError(
    'MILLRACE_TOPOLOGY_MODULE_DIFFERS',
    `'${name}' of ${url} builds another topology in a thread than the application was given: ` +
      'build both with that function and the same input'
  )
}

/** Modules are loaded while brokers are asked; what the first waits for, the second does. */
async function bothOf<A, B>(
  first: () => Promise<A>,
  second: (signal: AbortSignal) => Promise<B>
): Promise<readonly [A, B]> {
  const failed = new AbortController()
  const other = second(AbortSignal.any([cut.signal, failed.signal]))
  // Whoever fails first is the one to be told of.
  other.catch(() => {})
  try {
    return [await first(), await other]
  } catch (error) {
    failed.abort()
    await other.catch(() => {})
    throw error
  }
}

async function openLog(signal: AbortSignal): Promise<KafkaLog> {
  const { thread, applicationId, directory, kafka } = data
  const { guarantee } = data.engine
  const log = await KafkaLog.connect({
    clientId: applicationId,
    ...kafka,
    applicationId,
    instance: randomUUID(),
    stateDirectory: directory,
    thread,
    logger,
    signal,
    ...(guarantee === undefined ? {} : { guarantee }),
  })
  resources.unshift(() => log.close())
  // Its thread begins beside the rest, too.
  log.expectJoin()
  return log
}

/** Otherwise the first gets all tasks, and hands them over to the others when it has begun. */
async function joinWithOthers(): Promise<void> {
  tell({ kind: 'joining' })
  await allJoin.promise
}

/** Otherwise the tasks of the first to go would be handed to those that are about to. */
async function leaveWithOthers(): Promise<void> {
  tell({ kind: 'leaving' })
  await allLeave.promise
}

async function release(): Promise<void> {
  for (const close of resources.splice(0)) {
    try {
      await close()
    } catch (error) {
      logger.warn('Closing failed', { error })
    }
  }
}

function tellNews(): void {
  if (engine === undefined) return
  const now = performance.now()
  const snapshot = engine.snapshot()
  if (now - toldAt < signMs && isDeepStrictEqual(snapshot, told)) return
  told = snapshot
  toldAt = now
  tell({ kind: 'snapshot', snapshot })
}

function tell(message: FromThread): void {
  port.postMessage(message)
}
