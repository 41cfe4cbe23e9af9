import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { createLogger, type Logger } from '../../src/log.ts'
import { openStateDirectory, type TaskState } from '../../state/index.ts'
import { type Counter, collect, counters } from './task-state-suite.ts'

/** A directory with three tables, a log and 60 commits; every test damages a copy of it. */
let original: string
let expected: Record<string, number>
const copies: string[] = []
const lastCommit = 60

beforeAll(async () => {
  original = mkdtempSync(join(tmpdir(), 'millrace-damage-'))
  for (let session = 0; session < 4; session++) {
    const directory = await openStateDirectory(original)
    const state = await directory.open('0_0')
    for (let commit = session * 15 + 1; commit <= (session + 1) * 15; commit++) {
      change(state, commit)
      state.seal()
      await state.write({ commitNumber: commit, changelogs: { counters: commit } })
    }
    expected = await collect(state.store(counters))
    await directory.close()
  }
})

afterAll(() => {
  for (const path of [original, ...copies]) rmSync(path, { recursive: true, force: true })
})

function change(state: TaskState, commit: number): void {
  const store = state.store<Counter>(counters)
  for (let key = 0; key < 30; key++) store.put(`key-${(commit * 11 + key) % 97}`, { count: commit })
  store.delete(`key-${commit % 97}`)
}

function copy(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-damage-'))
  copies.push(path)
  cpSync(original, path, { recursive: true })
  return path
}

function taskFiles(path: string): string[] {
  return readdirSync(join(path, 'tasks', '0_0')).filter((name) => !/^LO(CK|G|G\.old)$/.test(name))
}

interface Outcome {
  readonly checkpoint: number | undefined
  /** Undefined: reading it threw CorruptedError. */
  readonly content: Record<string, number> | undefined
  readonly lines: readonly string[]
}

/** Opens the damaged state, and reads all of it in both ways. */
async function open(path: string, log?: Logger): Promise<Outcome> {
  const lines: string[] = []
  const logger = log ?? createLogger({ level: 'warn', write: (line) => lines.push(line) })
  const directory = await openStateDirectory(path, { log: logger })
  const state = await directory.open('0_0')
  const store = state.store(counters)
  let content: Record<string, number> | undefined
  try {
    content = await collect(store)
    for (let key = 0; key < 97; key++) {
      expect(store.get(`key-${key}`)?.count).toBe(content[`key-${key}`])
    }
  } catch (error) {
    expect(error).toMatchObject({ code: 'MILLRACE_STATE_CORRUPTED', name: 'CorruptedError' })
    content = undefined
  }
  const checkpoint = state.checkpoint?.commitNumber
  await directory.close()
  return { checkpoint, content, lines }
}

async function expectRebuilt(path: string, reason: RegExp): Promise<void> {
  const { checkpoint, content, lines } = await open(path)
  expect(checkpoint).toBeUndefined()
  expect(content).toEqual({})
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'warn',
    task: '0_0',
    reason: expect.stringMatching(reason),
  })
}

function fileEnding(path: string, ending: string): string {
  const names = taskFiles(path).filter((name) => name.endsWith(ending) || name.startsWith(ending))
  const name = names.sort().at(0)
  if (name === undefined) throw new Error(`There is no ${ending} among ${taskFiles(path)}`)
  return join(path, 'tasks', '0_0', name)
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  writeFileSync(file, bytes)
}

test('the undamaged copy opens with everything, and without a line in the log', async () => {
  expect(await open(copy())).toEqual({ checkpoint: lastCommit, content: expected, lines: [] })
  expect(taskFiles(original).filter((name) => name.endsWith('.ldb'))).toHaveLength(3)
})

describe('damage is detected, logged once and answered with an empty state', () => {
  test.each([
    ['CURRENT', /CURRENT is missing/],
    ['MANIFEST', /MANIFEST-\d+ is missing/],
    ['.ldb', /\.ldb is missing/],
    ['.log', /\.log is missing/],
  ])('when %s is deleted', async (ending, reason) => {
    const path = copy()
    rmSync(fileEnding(path, ending))
    await expectRebuilt(path, reason)
  })

  test.each([
    ['CURRENT', /CURRENT names no MANIFEST/],
    ['MANIFEST', /shorter than it was/],
    ['.ldb', /\.ldb has \d+ bytes of \d+/],
    ['.log', /it ends at batch \d+ of 60/],
    ['COMMITTED', /COMMITTED/],
  ])('when %s is truncated', async (ending, reason) => {
    const path = copy()
    const file = fileEnding(path, ending)
    truncateSync(file, Math.floor(readFileSync(file).length / 2))
    await expectRebuilt(path, reason)
  })

  test.each([
    ['MANIFEST', /checksum of the record/],
    ['.ldb', /checksum of the block/],
    ['.log', /batch/],
    ['COMMITTED', /COMMITTED/],
  ])('when a byte of %s is flipped', async (ending, reason) => {
    const path = copy()
    const file = fileEnding(path, ending)
    flip(file, Math.floor(readFileSync(file).length / 2))
    await expectRebuilt(path, reason)
  })

  test('when the files of an older time were put back', async () => {
    const path = copy()
    const older = mkdtempSync(join(tmpdir(), 'millrace-damage-'))
    copies.push(older)
    cpSync(path, older, { recursive: true })
    const directory = await openStateDirectory(path)
    const state = await directory.open('0_0')
    change(state, lastCommit + 1)
    state.seal()
    await state.write({ commitNumber: lastCommit + 1, changelogs: {} })
    await directory.close()
    for (const name of taskFiles(path)) {
      if (name !== 'COMMITTED') rmSync(join(path, 'tasks', '0_0', name))
    }
    for (const name of taskFiles(older)) {
      if (name === 'COMMITTED') continue
      cpSync(join(older, 'tasks', '0_0', name), join(path, 'tasks', '0_0', name))
    }
    await expectRebuilt(path, /MANIFEST-\d+ is shorter|it ends at batch/)
  })

  test('when batches are missing in the middle, even if the mark is gone', async () => {
    const path = copy()
    const directory = await openStateDirectory(path)
    const state = await directory.open('0_0')
    for (let commit = lastCommit + 1; commit <= lastCommit + 100; commit++) {
      change(state, commit)
      state.seal()
      await state.write({ commitNumber: commit, changelogs: {} })
    }
    await directory.close()
    rmSync(fileEnding(path, 'COMMITTED'))
    // LevelDB leaves out the rest of the damaged block of 32 KiB, and takes the next one as it is.
    flip(fileEnding(path, '.log'), 3000)
    await expectRebuilt(path, /batch/)
  })
})

test('without the mark, a log that lost its end gives a whole commit of the past', async () => {
  const path = copy()
  rmSync(fileEnding(path, 'COMMITTED'))
  const log = fileEnding(path, '.log')
  truncateSync(log, readFileSync(log).length - 100)
  const { checkpoint, content } = await open(path)
  expect(checkpoint).toBe(lastCommit - 1)
  expect(content).toEqual(contentAt(lastCommit - 1))
})

test('whatever byte is flipped, a state is whole or known to be damaged', async () => {
  const names = taskFiles(original)
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), fc.nat(), async (name, random) => {
      const path = copy()
      const file = join(path, 'tasks', '0_0', name)
      flip(file, random % readFileSync(file).length)
      expectWholeOrDamaged(await open(path))
      rmSync(path, { recursive: true, force: true })
    }),
    { numRuns: 80 }
  )
})

test('wherever a file is cut, a state is whole or known to be damaged', async () => {
  const names = taskFiles(original)
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), fc.nat(), async (name, random) => {
      const path = copy()
      const file = join(path, 'tasks', '0_0', name)
      truncateSync(file, random % readFileSync(file).length)
      expectWholeOrDamaged(await open(path))
      rmSync(path, { recursive: true, force: true })
    }),
    { numRuns: 60 }
  )
})

test('one damaged directory is kept for a look, the latest', async () => {
  const path = copy()
  const clock = new ManualClock(Date.UTC(2026, 0, 2, 3, 4, 5))
  for (let round = 0; round < 3; round++) {
    rmSync(fileEnding(path, 'CURRENT'))
    const directory = await openStateDirectory(path, { clock })
    const state = await directory.open('0_0')
    expect(state.checkpoint).toBeUndefined()
    state.seal()
    await state.write({ commitNumber: round, changelogs: {} })
    expect(directory.held()).toEqual(['0_0'])
    await directory.close()
    expect(readdirSync(join(path, 'tasks'))).toEqual([
      '0_0',
      `0_0.damaged-${new Date(clock.now()).toISOString().replace(/[:.]/g, '-')}`,
    ])
    clock.advance(1_000)
  }
})

test('a wipe that a crash cut off leaves nothing behind', async () => {
  const path = copy()
  cpSync(join(path, 'tasks', '0_0'), join(path, 'tasks', '0_0.wiped'), { recursive: true })
  expect((await open(path)).checkpoint).toBe(lastCommit)
  expect(readdirSync(join(path, 'tasks'))).toEqual(['0_0'])
})

test('a creation that a crash cut off is begun anew, without a line in the log', async () => {
  const path = copy()
  for (const name of readdirSync(join(path, 'tasks', '0_0'))) {
    if (name !== 'LOG' && name !== 'LOCK') rmSync(join(path, 'tasks', '0_0', name))
  }
  expect(await open(path)).toEqual({ checkpoint: undefined, content: {}, lines: [] })
})

function expectWholeOrDamaged({ checkpoint, content, lines }: Outcome): void {
  if (content === undefined) return
  if (checkpoint === undefined) {
    expect(content).toEqual({})
    expect(lines).toHaveLength(1)
  } else {
    expect({ checkpoint, content }).toEqual({ checkpoint: lastCommit, content: expected })
  }
}

function contentAt(commits: number): Record<string, number> {
  const content = new Map<string, number>()
  for (let commit = 1; commit <= commits; commit++) {
    for (let key = 0; key < 30; key++) content.set(`key-${(commit * 11 + key) % 97}`, commit)
    content.delete(`key-${commit % 97}`)
  }
  return Object.fromEntries(content)
}
