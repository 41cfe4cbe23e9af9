import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ManualClock } from '../src/clock.ts'
import { StreamsBuilder } from '../src/dsl/streams-builder.ts'
import { topic } from '../src/dsl/topic.ts'
import { ConfigError } from '../src/errors.ts'
import { EmbeddedLog } from '../src/log/embedded-log.ts'
import { StreamApp, type StreamAppOptions } from '../src/stream-app.ts'
import type { Optimization } from '../src/topology/optimizations.ts'
import type { Topology } from '../src/topology/topology.ts'
import {
  countTopology,
  FunctionOperator,
  filterTopology,
  node,
  sink,
  source,
  textTopic,
  topologyOf,
} from './runtime/small-topology.ts'

const second = 1_000
/** For what happens beside: only a hang takes that long. */
const patience = { timeout: 20_000, interval: 10 }

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-app-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A log whose topics are there. */
async function openLog(stateDir: string): Promise<EmbeddedLog> {
  const log = await EmbeddedLog.open({ path: join(stateDir, 'log'), group: 'app' })
  await log.prepare([
    { name: 'in', role: 'sink', partitions: 2, create: true },
    { name: 'out', role: 'sink', partitions: 1, create: true },
  ])
  return log
}

function makeApp(topology: Topology, stateDir: string, options: Partial<StreamAppOptions> = {}) {
  const log = () => openLog(stateDir)
  const app = new StreamApp(topology, {
    applicationId: 'app',
    stateDir,
    log,
    commitIntervalMs: 5,
    ...options,
  })
  onTestFinished(() => app.close())
  return app
}

/** Whoever waited for it would wait longer than any test. */
function patientlyTo(broker: string): Pick<StreamAppOptions, 'kafka'> {
  const requestTimeoutMs = 600_000
  return { kafka: { brokers: [broker], connectMs: requestTimeoutMs, requestTimeoutMs } }
}

async function send(app: StreamApp, ...pairs: readonly (readonly [string, string])[]) {
  await app.log.append(
    'in',
    pairs.map(([key, value]) => ({
      key: Buffer.from(key),
      value: Buffer.from(value),
      timestamp: second,
    }))
  )
}

async function outputs(app: StreamApp): Promise<readonly string[]> {
  const records = await (app.log as EmbeddedLog).inspect().records('out')
  return records.map(({ key, value }) => `${key}=${value?.at(-1)}`)
}

it('runs a topology on the embedded log, and goes on after a restart', async () => {
  const stateDir = await directory()
  const first = makeApp(countTopology(), stateDir, { cacheBytesMax: 0 })
  await first.start()
  await send(first, ['a', 'x'], ['a', 'x'], ['b', 'x'])
  await vi.waitFor(async () => {
    expect([...(await outputs(first))].sort()).toEqual(['a=1', 'a=2', 'b=1'])
  }, patience)
  expect(first.snapshot()).toMatchObject({ state: 'running', reasons: [], recordsIn: 3 })
  await first.close()
  await expect(first.done).resolves.toBeUndefined()
  expect(first.state).toBe('closed')

  const again = makeApp(countTopology(), stateDir, { cacheBytesMax: 0 })
  await again.start()
  await send(again, ['a', 'x'])
  await vi.waitFor(async () => expect((await outputs(again)).at(-1)).toBe('a=3'), patience)
})

it('restores its stores from the changelog when the state directory is gone', async () => {
  const stateDir = await directory()
  const first = makeApp(countTopology(), stateDir)
  await first.start()
  await send(first, ['a', 'x'], ['b', 'x'])
  await vi.waitFor(async () => expect(await outputs(first)).toHaveLength(2), patience)
  await first.close()
  await rm(join(stateDir, 'app'), { recursive: true })

  const again = makeApp(countTopology(), stateDir)
  await again.start()
  await send(again, ['a', 'x'])
  await vi.waitFor(async () => expect((await outputs(again)).at(-1)).toBe('a=2'), patience)
})

it('keeps an embedded log of its own where none is named', async () => {
  const stateDir = await directory()
  const topology = topologyOf({
    nodes: [
      source('source', textTopic('in')),
      node('nowhere', 'source', () => new FunctionOperator(() => {})),
    ],
    sinks: [],
  })
  const app = new StreamApp(topology, { applicationId: 'app', stateDir })
  onTestFinished(() => app.close())
  expect(app.snapshot()).toMatchObject({ state: 'created', tasks: [] })
  await app.start()
  await send(app, ['a', 'x'])
  await vi.waitFor(() => expect(app.snapshot().recordsIn).toBe(1), patience)
  expect(app.log.kind).toBe('embedded')
  expect(await readdir(join(stateDir, 'app'))).toContain('log')
})

it('leaves a log open that was handed over', async () => {
  const stateDir = await directory()
  const log = await openLog(stateDir)
  onTestFinished(() => log.close())
  const app = makeApp(
    filterTopology(() => true),
    stateDir,
    { log }
  )
  await app.start()
  await app.close()
  expect(log.health()).toEqual({ ok: true })
})

it('ends with an error that names task, node and record', async () => {
  const stateDir = await directory()
  const topology = topologyOf({
    nodes: [
      source('source', textTopic('in')),
      node('strict', 'source', () => {
        return new FunctionOperator(() => {
          throw new Error('no such thing')
        })
      }),
      sink('sink', 'strict', textTopic('out')),
    ],
  })
  const app = makeApp(topology, stateDir)
  await app.start()
  await send(app, ['a', 'x'])
  const task = '0_[01]'
  await expect(app.done).rejects.toThrow(
    new RegExp(`Node 'strict' of task ${task} at in-[01]@0 failed: no such thing`)
  )
  await expect(app.done).rejects.toMatchObject({ code: 'MILLRACE_PROCESSING_FAILED' })
  expect(app.state).toBe('failed')
  await app.close()
})

it('lists every fault of its options', () => {
  const make = () =>
    new StreamApp(countTopology(), {
      applicationId: 'no spaces',
      stateDir: '',
      commitIntervalMs: 0,
      restoresMax: 1.5,
      optimize: ['faster'] as unknown as readonly Optimization[],
    })
  expect(make).toThrow(ConfigError)
  try {
    make()
  } catch (error) {
    expect((error as ConfigError).faults).toEqual([
      "applicationId: expected up to 180 letters, digits, '.', '_' or '-', got 'no spaces'",
      'stateDir: expected a directory, got an empty text',
      expect.stringMatching(/^optimize: There is no optimization 'faster': take 'all', 'none'/),
      'commitIntervalMs: expected a whole number of at least 1, got 0',
      'restoresMax: expected a whole number of at least 1, got 1.5',
    ])
  }
})

it('optimizes its topology as it is told, whatever that was built with', async () => {
  const builder = new StreamsBuilder()
  const byText = builder.stream(topic('in', textTopic('in'))).groupBy((text) => text)
  byText.count('counts')
  byText.reduce('latest', (_, text) => text)
  const repartitionsOf = async (options: Partial<StreamAppOptions>) => {
    const app = makeApp(builder.build({ optimize: 'none' }), await directory(), options)
    await app.start()
    const topics = (app.log as EmbeddedLog).inspect().topics()
    await app.close()
    return topics.map(({ name }) => name).filter((name) => name.endsWith('-repartition'))
  }
  expect(await repartitionsOf({})).toEqual(['app-counts-repartition', 'app-latest-repartition'])
  expect(await repartitionsOf({ optimize: 'all' })).toEqual(['app-counts-repartition'])
})

it('has one thread unless it can send everything to others', () => {
  const faultsOf = (options: Partial<StreamAppOptions>): readonly string[] => {
    try {
      new StreamApp(countTopology(), { applicationId: 'threads', ...options })
      return []
    } catch (error) {
      return (error as ConfigError).faults
    }
  }
  const kafka = { brokers: ['localhost:9092'] }
  const topologyModule = { url: import.meta.url, name: 'countTopology' }
  expect(faultsOf({ threads: 2, kafka, topologyModule })).toEqual([])
  expect(faultsOf({ threads: 1 })).toEqual([])
  expect(faultsOf({ threads: 1.5 })).toEqual([
    'threads: expected a whole number from 1 to 64, got 1.5',
  ])
  expect(faultsOf({ threads: 2, clock: new ManualClock(0) })).toEqual([
    'threads: more than one needs topologyModule, the module that builds the topology: ' +
      'functions cannot be sent to a thread',
    'threads: more than one needs kafka: the embedded log belongs to one thread',
    'clock: cannot be sent to a thread; it takes one of the system',
  ])
  const log = () => Promise.reject(new Error('no'))
  expect(faultsOf({ threads: 2, log, topologyModule })).toEqual([
    'log: cannot be shared by several threads; give kafka',
  ])
  const unusable = { url: './orders.js', name: '', input: () => 1 }
  expect(faultsOf({ threads: 2, kafka, topologyModule: unusable })).toEqual([
    "topologyModule.url: expected a URL such as new URL('./orders.js', import.meta.url), " +
      "got './orders.js'",
    'topologyModule.name: expected the name of a function that the module exports',
    'topologyModule.input: cannot be sent to a thread: () => 1 could not be cloned.',
  ])
})

it('refuses to start twice, and leaves nothing open when it cannot start', async () => {
  const stateDir = await directory()
  const app = makeApp(countTopology(), stateDir)
  await app.start()
  await expect(app.start()).rejects.toMatchObject({ code: 'MILLRACE_APP_STARTED' })

  const other = makeApp(countTopology(), stateDir, { log: () => Promise.reject(new Error('no')) })
  await expect(other.start()).rejects.toMatchObject({ code: 'MILLRACE_STATE_DIRECTORY_LOCKED' })
  await app.close()
  const third = makeApp(countTopology(), stateDir, { log: () => Promise.reject(new Error('no')) })
  await expect(third.start()).rejects.toThrow('no')
  const fourth = makeApp(countTopology(), stateDir)
  await fourth.start()
  expect(fourth.state).not.toBe('failed')
})

describe('an application that is closed while it starts', () => {
  async function closesWhileItStarts(app: StreamApp, isUnderWay: Promise<unknown>): Promise<void> {
    const starting = app.start()
    await isUnderWay
    await app.close()
    await starting
    await app.done
    expect(app.state).toBe('closed')
  }

  it('looks for its log no longer', async () => {
    const stateDir = await directory()
    let onAsked: () => void = () => {}
    const asked = new Promise<void>((resolve) => (onAsked = resolve))
    const log = (signal: AbortSignal): Promise<never> => {
      onAsked()
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    }
    await closesWhileItStarts(makeApp(countTopology(), stateDir, { log }), asked)
    // Nothing is left open: another one has the directory at once.
    await makeApp(countTopology(), stateDir).start()
  })

  it('waits for no broker that does not answer', async () => {
    const server = createServer()
    const connected = once(server, 'connection')
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const kafka = patientlyTo(`127.0.0.1:${port}`)
    const stateDir = await directory()
    const app = new StreamApp(countTopology(), { applicationId: 'app', stateDir, ...kafka })
    await closesWhileItStarts(app, connected)
    server.close()
  })

  it('leaves the group that it has not joined yet, in a log that others go on with', async () => {
    const stateDir = await directory()
    const log = await openLog(stateDir)
    onTestFinished(() => log.close())
    let onAsked: () => void = () => {}
    const asked = new Promise<void>((resolve) => (onAsked = resolve))
    let answer: () => void = () => {}
    const answered = new Promise<void>((resolve) => (answer = resolve))
    const join = log.join.bind(log)
    const left = new Promise<void>((resolve) => {
      log.join = async (...args) => {
        onAsked()
        await answered
        const membership = await join(...args)
        void membership.ended.then(resolve)
        return membership
      }
    })
    await closesWhileItStarts(makeApp(countTopology(), stateDir, { log }), asked)
    answer()
    await left
  })
})

it('gives up what is not committed when closing takes too long', async () => {
  const stateDir = await directory()
  const stuck = topologyOf({
    nodes: [
      source('source', textTopic('in')),
      node('stuck', 'source', () => {
        return new FunctionOperator((self) => {
          self.context.afterRecord(() => new Promise(() => {}))
        })
      }),
      sink('sink', 'stuck', textTopic('out')),
    ],
  })
  const app = makeApp(stuck, stateDir, { closeDeadlineMs: 20 })
  await app.start()
  await send(app, ['a', 'x'])
  await vi.waitFor(() => {
    const [one, two] = app.snapshot().tasks
    const done = (one?.partitions[0]?.position ?? 0) + (two?.partitions[0]?.position ?? 0)
    expect(done).toBe(1)
  }, patience)
  await app.close()
  expect(app.state).toBe('closed')
})
