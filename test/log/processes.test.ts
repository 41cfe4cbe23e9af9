/** Claims that need more than one process: who holds a durable log, and what a kill does to it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import { compileRooms } from '../support/compiled.ts'
import { textOf } from '../support/log-port-tools.ts'

const children: ChildProcess[] = []
let compiled: string
let home: string
let path: string

beforeAll(() => {
  compiled = compileRooms(['src/log', 'src/serde/murmur2.ts'])
})

afterAll(() => rmSync(compiled, { recursive: true, force: true }))

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'millrace-log-'))
  path = join(home, 'log')
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(home, { recursive: true, force: true })
})

interface Child {
  readonly process: ChildProcess
  /** Everything that was said so far. */
  said(): string
  /** Waits until it has said this many bytes. */
  until(bytes: number): Promise<string>
  kill(): Promise<void>
}

/** Runs lines of a module that has `EmbeddedLog`, `path` and `say`. */
function start(lines: string): Child {
  const script = `
    import { writeSync } from 'node:fs'
    import { EmbeddedLog } from ${JSON.stringify(join(compiled, 'src/log/embedded-log.js'))}
    const path = ${JSON.stringify(path)}
    const say = (text) => writeSync(1, text)
    ${lines}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: compiled,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let text = ''
  let wake = (): void => {}
  const { stdout } = child
  stdout?.on('data', (data) => {
    text += data
    wake()
  })
  child.on('exit', () => wake())
  return {
    process: child,
    said: () => text,
    until: async (bytes) => {
      while (text.length < bytes) {
        if (child.exitCode !== null) throw new Error(`The child ended and said '${text}'`)
        await new Promise<void>((resolve) => (wake = resolve))
      }
      return text
    },
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    },
  }
}

const hold = `await EmbeddedLog.open({ path }); say('held'); setInterval(() => {}, 1000)`
const attempt = `await EmbeddedLog.open({ path })
  .then((log) => log.close().then(() => say('opened')), (error) => say(error.message))`

describe('the durable log among processes', () => {
  it('refuses a directory that another process holds, naming both', async () => {
    const child = start(hold)
    await child.until(4)
    const refused = EmbeddedLog.open({ path })
    await expect(refused).rejects.toMatchObject({ name: 'FatalError', code: 'MILLRACE_LOG_LOCKED' })
    await expect(refused).rejects.toThrow(`in use by process ${child.process.pid}.`)
    await expect(refused).rejects.toThrow(path)
  })

  it('does not mind what a killed holder leaves behind', async () => {
    const child = start(hold)
    await child.until(4)
    await child.kill()
    expect(readFileSync(join(path, 'holder.json'), 'utf8')).toContain(String(child.process.pid))
    const log = await EmbeddedLog.open({ path })
    expect(readFileSync(join(path, 'holder.json'), 'utf8')).toContain(String(process.pid))
    await log.close()
  })

  it('refuses a second open in one process, by any name, and keeps others out still', async () => {
    const log = await EmbeddedLog.open({ path })
    const alias = join(home, 'alias')
    symlinkSync(path, alias)
    for (const name of [path, `${path}/../log/`, alias]) {
      await expect(EmbeddedLog.open({ path: name })).rejects.toMatchObject({
        code: 'MILLRACE_LOG_LOCKED',
        message: expect.stringContaining(String(process.pid)),
      })
    }
    expect(await start(attempt).until(6)).toContain(`in use by process ${process.pid}.`)
    await log.close()
    expect(await start(attempt).until(6)).toBe('opened')
  })

  it('refuses two opens at the same moment all but one', async () => {
    const results = await Promise.allSettled([
      EmbeddedLog.open({ path }),
      EmbeddedLog.open({ path }),
    ])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await start(attempt).until(6)).toContain(`in use by process ${process.pid}.`)
    for (const result of results) if (result.status === 'fulfilled') await result.value.close()
  })

  it('refuses another thread of the holder, and keeps others out still', async () => {
    const thread = join(compiled, 'thread.js')
    writeFileSync(
      thread,
      `import { parentPort, workerData } from 'node:worker_threads'
      import { EmbeddedLog } from './src/log/embedded-log.js'
      const opening = EmbeddedLog.open({ path: workerData })
      parentPort.postMessage(await opening.then(() => 'opened', (error) => error.code))`
    )
    const child = start(`
      import { Worker } from 'node:worker_threads'
      await EmbeddedLog.open({ path })
      new Worker(${JSON.stringify(thread)}, { execArgv: [], workerData: path }).on('message', say)
      setInterval(() => {}, 1000)`)
    expect(await child.until(19)).toBe('MILLRACE_LOG_LOCKED')
    await expect(EmbeddedLog.open({ path })).rejects.toMatchObject({ code: 'MILLRACE_LOG_LOCKED' })
  })

  it('holds a commit whole or not at all after kill -9, and all that was answered', async () => {
    let answered = 0
    for (const bytesBefore of [0, 1, 120, 400]) {
      const child = start(committing)
      await child.until(bytesBefore)
      await child.kill()
      const whole = child.said().split('\n').slice(0, -1)
      answered = await checkWhole(Math.max(answered, Number(whole.at(-1) ?? 0)))
    }
    expect(answered).toBeGreaterThan(3)
  })
})

/** Commit n: one output and one changelog record of value n to each partition, and offset n. */
const committing = `
  const log = await EmbeddedLog.open({ path, group: 'app' })
  await log.prepare([
    { name: 'in', role: 'source', create: false },
    { name: 'out', role: 'sink', partitions: 3, create: true },
    { name: 'changelog', role: 'changelog', partitions: 1, create: true,
      config: { 'cleanup.policy': 'compact' } },
  ])
  const nothing = async () => {}
  const plan = { tasks: [{ id: '0_0', sources: [] }], held: () => [] }
  await log.join(plan, { onAssigned: nothing, onRevoked: nothing, onLost: nothing })
  await log.balanced()
  const at = { topic: 'in', partition: 0 }
  const [{ offset = 0 }] = await log.committed([at])
  for (let n = offset + 1; ; n++) {
    const batch = log.createBatch()
    const value = Buffer.from(String(n))
    for (let p = 0; p < 3; p++) batch.append('out', p, n, null, value)
    batch.append('changelog', 0, n, Buffer.from('key'), value)
    // Enough that a kill can come while LevelDB writes.
    batch.append('out', 0, n, null, Buffer.alloc(20_000, n))
    const appended = log.append('in', [{ timestamp: n, key: null, value }])
    const offset = { ...at, task: '0_0', offset: n, metadata: 'commit ' + n }
    await log.commit({ batch, number: n, offsets: [offset] })
    await appended
    say(n + '\\n')
  }`

/** Everything of each commit up to the last is there, nothing of a later one. */
async function checkWhole(answered: number): Promise<number> {
  const log = await EmbeddedLog.open({ path, group: 'app' })
  const [committed] = await log.committed([{ topic: 'in', partition: 0 }])
  const last = committed?.offset ?? 0
  expect(last).toBeGreaterThanOrEqual(answered)
  const topics = log
    .inspect()
    .topics()
    .map(({ name }) => name)
  if (last > 0) {
    expect(committed?.metadata).toBe(`commit ${last}`)
    const expected = Array.from({ length: last }, (_, i) => String(i + 1))
    const out = await log.inspect().records('out')
    for (const partition of [0, 1, 2]) {
      const own = out.filter((record) => record.partition === partition)
      const small = own.filter(({ value }) => (value?.length ?? 0) < 100)
      expect(small.map(({ value }) => textOf(value))).toEqual(expected)
      expect(own.length).toBe(partition === 0 ? last * 2 : last)
    }
    const changes = await log.inspect().records('changelog')
    expect(changes.map(({ value }) => textOf(value))).toEqual(expected)
  }
  if (topics.includes('in')) {
    const events = new Set((await log.inspect().records('in')).map(({ value }) => textOf(value)))
    for (let n = 1; n <= answered; n++) expect(events).toContain(String(n))
  }
  await log.close()
  return last
}
