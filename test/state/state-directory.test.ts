import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { openStateDirectory, type StateDirectory, shareStateDirectory } from '../../state/index.ts'
import { compileRooms } from '../support/compiled.ts'
import { checkpoint, collect, counters } from './task-state-suite.ts'

const children: ChildProcess[] = []
let compiled: string
let path: string

beforeAll(() => {
  compiled = compileRooms(['state'])
})

afterAll(() => rmSync(compiled, { recursive: true, force: true }))

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'millrace-state-')), 'shop')
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(join(path, '..'), { recursive: true, force: true })
})

/** Runs lines of a module that has `open`, `path` and `say`, until they have said something. */
async function start(
  lines: string,
  fileBytesMax = 'unlimited'
): Promise<{ child: ChildProcess; said: string }> {
  const script = `
    import { openStateDirectory as open } from ${JSON.stringify(join(compiled, 'state/index.js'))}
    const path = ${JSON.stringify(path)}
    const say = (text) => process.stdout.write(text)
    ${lines}`
  const command = `ulimit -f ${fileBytesMax} && exec "$0" --input-type=module -e "$1"`
  const child = spawn('sh', ['-c', command, process.execPath, script], {
    cwd: compiled,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const mute = once(child, 'exit').then(([code]) => {
    throw new Error(`The child ended with ${code} and said nothing`)
  })
  const [said] = await Promise.race([once(child.stdout as NodeJS.EventEmitter, 'data'), mute])
  mute.catch(() => {})
  return { child, said: String(said) }
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

const hold = `await open(path); say('held'); setInterval(() => {}, 1000)`
const attempt = `await open(path).then(() => say('opened'), (error) => say(error.message))`

test('a directory in use is refused, naming the path and the process that holds it', async () => {
  const { child } = await start(hold)
  const refused = openStateDirectory(path)
  await expect(refused).rejects.toMatchObject({
    name: 'FatalError',
    code: 'MILLRACE_STATE_DIRECTORY_LOCKED',
    message: expect.stringContaining(`process ${child.pid} `),
  })
  await expect(refused).rejects.toThrow(path)
})

test('the lock ends with a killed process, and its stale files do not matter', async () => {
  const { child } = await start(hold)
  await kill(child)
  expect(readFileSync(join(path, 'holder.json'), 'utf8')).toContain(String(child.pid))
  const directory = await openStateDirectory(path)
  expect(readFileSync(join(path, 'holder.json'), 'utf8')).toContain(String(process.pid))
  await directory.close()
})

test('a second open in this process is refused, and frees nothing for others', async () => {
  const directory = await openStateDirectory(path)
  const alias = join(path, '..', 'alias')
  symlinkSync(path, alias)
  for (const name of [path, `${path}/../shop/`, alias]) {
    await expect(openStateDirectory(name)).rejects.toMatchObject({
      code: 'MILLRACE_STATE_DIRECTORY_LOCKED',
    })
  }
  const { said } = await start(attempt)
  expect(said).toContain(`in use by process ${process.pid} `)
  await directory.close()
  expect((await start(attempt)).said).toBe('opened')
})

test('another thread of the process that holds it is refused, and frees nothing', async () => {
  const thread = join(compiled, 'thread.js')
  writeFileSync(
    thread,
    `import { parentPort, workerData } from 'node:worker_threads'
    import { openStateDirectory } from './state/index.js'
    const opening = openStateDirectory(workerData).then(() => 'opened', (error) => error.code)
    parentPort.postMessage(await opening)`
  )
  const { said } = await start(`
    import { Worker } from 'node:worker_threads'
    await open(path)
    new Worker(${JSON.stringify(thread)}, { execArgv: [], workerData: path }).on('message', say)
    setInterval(() => {}, 1000)`)
  expect(said).toBe('MILLRACE_STATE_DIRECTORY_LOCKED')
  await expect(openStateDirectory(path)).rejects.toMatchObject({
    code: 'MILLRACE_STATE_DIRECTORY_LOCKED',
  })
})

test('what was committed before a kill is there, whole, for the next process', async () => {
  const { child } = await start(`
    const directory = await open(path)
    const state = await directory.open('0_0')
    const codec = { encode: ({ count }) => Buffer.from(String(count)), decode: () => undefined }
    const store = state.store({ name: 'counters', codec, logged: true })
    for (let commit = 1; ; commit++) {
      for (let key = 0; key < 500; key++) store.put('k' + key, { count: commit })
      state.seal()
      await state.write({ commitNumber: commit, changelogs: { counters: commit } })
      if (commit === 20) say('twenty')
    }`)
  await kill(child)
  const directory = await openStateDirectory(path)
  const state = await directory.open('0_0')
  const commit = state.checkpoint?.commitNumber ?? 0
  expect(commit).toBeGreaterThanOrEqual(20)
  const values = Object.values(await collect(state.store(counters)))
  expect(values).toEqual(new Array(500).fill(commit))
  await directory.close()
})

test('a disk that takes no more ends the writing with an error that names the path', async () => {
  const { child, said } = await start(
    `
    const directory = await open(path)
    const state = await directory.open('0_0')
    const codec = { encode: ({ count }) => Buffer.from(String(count)), decode: () => undefined }
    const store = state.store({ name: 'counters', codec, logged: true })
    for (let commit = 1; ; commit++) {
      store.put('k', { count: commit })
      for (let key = 0; key < 100; key++) store.put('k' + key, { count: commit })
      state.seal()
      try {
        await state.write({ commitNumber: commit, changelogs: {} })
      } catch (first) {
        const again = await state.write({ commitNumber: commit, changelogs: {} }).catch((e) => e)
        const { code, name, message } = first
        say(JSON.stringify({ commit, code, name, message, again: again.code }))
        break
      }
    }
    await directory.close()`,
    '64'
  )
  // It speaks before it has closed.
  if (child.exitCode === null) await once(child, 'exit')
  const { commit, ...error } = JSON.parse(said)
  expect(error).toEqual({
    name: 'FatalError',
    code: 'MILLRACE_STATE_WRITE_FAILED',
    message: expect.stringContaining(join(path, 'tasks', '0_0')),
    again: 'MILLRACE_STATE_WRITE_FAILED',
  })
  const directory = await openStateDirectory(path)
  const state = await directory.open('0_0')
  expect(state.checkpoint?.commitNumber).toBe(commit - 1)
  expect(state.store(counters).get('k')).toEqual({ count: commit - 1 })
  await directory.close()
})

test('a task is opened once at a time, under a name that can be a directory', async () => {
  const directory = await openStateDirectory(path)
  const first = await directory.open('0_0')
  await expect(directory.open('0_0')).rejects.toThrow(/opened once/)
  await expect(directory.open('../0_1')).rejects.toThrow(/name/)
  await first.close()
  await (await directory.open('0_0')).close()
  await directory.close()
  await expect(directory.open('0_0')).rejects.toMatchObject({ code: 'MILLRACE_STATE_CLOSED' })
})

test('threads that share it have a task by turns, and see what others hold', async () => {
  const owner = await openStateDirectory(path)
  const said: string[] = []
  let free: () => void = () => {}
  const freed = new Promise<void>((resolve) => (free = resolve))
  const share = (name: string, mayOpen: Promise<void>): StateDirectory =>
    shareStateDirectory(owner.path, {
      acquire: async (task) => {
        await mayOpen
        said.push(`${name} opens ${task}`)
        return () => {
          said.push(`${name} has closed ${task}`)
          free()
        }
      },
    })
  const one = share('one', Promise.resolve())
  const two = share('two', freed)
  const state = await one.open('0_0')
  state.store(counters).put('a', { count: 7 })
  state.seal()
  await state.write(checkpoint(1))
  const opening = two.open('0_0')
  await one.close()
  const again = await opening
  expect(again.store(counters).get('a')).toEqual({ count: 7 })
  expect(two.held()).toEqual(['0_0'])
  await two.close()
  expect(said).toEqual([
    'one opens 0_0',
    'one has closed 0_0',
    'two opens 0_0',
    'two has closed 0_0',
  ])
  await expect(openStateDirectory(path)).rejects.toMatchObject({
    code: 'MILLRACE_STATE_DIRECTORY_LOCKED',
  })
  await owner.close()
})

test('a place that cannot be a directory is refused with its path', async () => {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, 'a file')
  await expect(openStateDirectory(path)).rejects.toMatchObject({
    code: 'MILLRACE_STATE_DIRECTORY_UNUSABLE',
    message: expect.stringContaining(path),
  })
  rmSync(path)
  const directory = await openStateDirectory(path)
  await directory.close()
})

test('what a task has on disk is told, whether or not any of it is in memory', async () => {
  const directory = await openStateDirectory(path)
  const state = await directory.open('0_0')
  const store = state.store({ ...counters, cached: false })
  for (let key = 0; key < 1_000; key++) store.put(`key-${key}`, { count: key })
  state.seal()
  await state.write(checkpoint(1))
  expect(state.bytes).toBe(0)
  expect(state.diskBytes).toBeGreaterThan(10_000)
  await directory.close()
})

test('a task whose directory is a file is refused with its path, and can be mended', async () => {
  const directory = await openStateDirectory(path)
  const task = join(path, 'tasks', '0_0')
  writeFileSync(task, 'a file')
  await expect(directory.open('0_0')).rejects.toMatchObject({
    code: 'MILLRACE_STATE_DIRECTORY_UNUSABLE',
    message: expect.stringContaining(task),
  })
  rmSync(task)
  await directory.open('0_0')
  await directory.close()
})

test('the memory for clean values is shared by the open tasks', async () => {
  const directory: StateDirectory = await openStateDirectory(path, { cacheBytesMax: 100_000 })
  const states = [await directory.open('0_0'), await directory.open('0_1')]
  for (const state of states) {
    const store = state.store(counters)
    for (let key = 0; key < 2_000; key++) store.put(`k${key}`, { count: key })
    state.seal()
    expect(state.dirtyBytes).toBeGreaterThan(400_000)
    await state.write(checkpoint(1))
    expect(state.dirtyBytes).toBe(0)
    expect(state.bytes).toBeLessThanOrEqual(50_000)
    for (let key = 0; key < 2_000; key++) expect(store.get(`k${key}`)).toEqual({ count: key })
    // What is read evicts in small steps.
    expect(state.bytes).toBeLessThan(60_000)
  }
  await directory.close()
})

test('a store on disk that nobody opens any more is told once, and keeps its content', async () => {
  const lines: string[] = []
  const log = createLogger({ level: 'warn', write: (line) => lines.push(line) })
  const counts: (number | undefined)[] = []
  for (const name of ['old', 'new', 'new', 'old']) {
    const directory = await openStateDirectory(path, { log })
    const state = await directory.open('0_0')
    const store = state.store({ ...counters, name })
    counts.push(store.get('k')?.count)
    store.put('k', { count: name.length + counts.length })
    for (let commit = 0; commit < 2; commit++) {
      state.seal()
      await state.write(checkpoint(counts.length))
    }
    await directory.close()
  }
  expect(counts).toEqual([undefined, undefined, 5, 4])
  expect(lines.map((line) => JSON.parse(line).stores)).toEqual([['old'], ['old'], ['new']])
})

test('what a checkpoint includes can be asked without opening its task', async () => {
  const directory = await openStateDirectory(path)
  const state = await directory.open('0_0')
  state.seal()
  await state.write({ commitNumber: 4, changelogs: { a: 100, b: 20 } })
  expect(directory.restored('0_0')).toBe(120)
  expect(directory.restored('0_1')).toBe(0)
  await directory.close()
})

test('a description is kept as it is, from one opening to the next', async () => {
  const first = await openStateDirectory(path)
  expect(first.description).toBeUndefined()
  first.keepDescription('one')
  first.keepDescription('two')
  await first.close()
  const second = await openStateDirectory(path)
  expect(second.description).toBe('two')
  await second.close()
})
