/** Claim: damage to the files is noticed and named; nothing is begun anew, repaired or skipped. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FatalError } from '../../src/errors.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import { createTopic, Reading, textRecord } from '../support/log-port-tools.ts'

const batches = 30
let home: string
let path: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'millrace-log-'))
  path = join(home, 'log')
})

afterEach(() => rmSync(home, { recursive: true, force: true }))

/** More than LevelDB's write buffer, so that tables and a log of its own are there. */
async function fill(): Promise<void> {
  const log = await EmbeddedLog.open({ path })
  await createTopic(log, 'in', 1)
  let noise = 1
  for (let batch = 0; batch < batches; batch++) {
    const bytes = Buffer.alloc(300_000)
    for (let at = 0; at < bytes.length; at += 4) {
      noise = (Math.imul(noise, 1_664_525) + 1_013_904_223) | 0
      bytes.writeInt32LE(noise, at)
    }
    await log.append('in', [{ ...textRecord(''), value: bytes }])
  }
  await log.close()
}

function files(pattern: RegExp): string[] {
  return readdirSync(path)
    .filter((file) => pattern.test(file))
    .sort()
    .map((file) => join(path, file))
}

async function refusal(): Promise<Error> {
  const log = await EmbeddedLog.open({ path }).catch((error: Error) => error)
  if (log instanceof Error) return log
  const reading = new Reading(log, { topic: 'in', partition: 0 }, 0)
  const found = await reading.take(batches).catch((error: Error) => error)
  await log.close()
  if (found instanceof Error) return found
  throw new Error('The damage was not noticed')
}

function first(pattern: RegExp): string {
  const [file] = files(pattern)
  if (file === undefined) throw new Error(`There is no file ${pattern}`)
  return file
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  writeFileSync(file, bytes)
}

const damages: readonly (readonly [what: string, damage: () => void])[] = [
  ['CURRENT is missing', () => rmSync(first(/^CURRENT$/))],
  ['CURRENT is empty', () => truncateSync(first(/^CURRENT$/), 0)],
  ['the MANIFEST is missing', () => rmSync(first(/^MANIFEST/))],
  ['the MANIFEST is empty', () => truncateSync(first(/^MANIFEST/), 0)],
  ['the MANIFEST has lost all but its beginning', () => truncateSync(first(/^MANIFEST/), 60)],
  ['a table is missing', () => rmSync(first(/\.ldb$/))],
  ['a table is cut short', () => truncateSync(first(/\.ldb$/), 100_000)],
  ["half of LevelDB's own log is gone", () => halve(first(/^\d+\.log$/))],
  ["all of LevelDB's own log is gone", () => truncateSync(first(/^\d+\.log$/), 0)],
  ['format.json is not what was written', () => writeFileSync(first(/^format/), '{"format"')],
  ['all of LevelDB is gone', () => files(/^(?!format)/).forEach((file) => void rmSync(file))],
  ['a byte of a table is flipped', () => flip(first(/\.ldb$/), 200_000)],
]

function halve(file: string): void {
  truncateSync(file, Math.floor(readFileSync(file).length / 2))
}

describe('a damaged log', () => {
  it.each(damages)('is refused when %s, with its path and the way out', async (_what, damage) => {
    await fill()
    damage()
    const before = files(/\.ldb$/)
    const error = await refusal()
    expect(error).toBeInstanceOf(FatalError)
    expect(error).toMatchObject({ code: 'MILLRACE_LOG_DAMAGED' })
    expect(error.message).toContain(path)
    expect(error.message).toMatch(/from a backup/)
    // Nor is it healed by trying again, nor has LevelDB tidied up what could be saved.
    expect(await refusal()).toMatchObject({ code: 'MILLRACE_LOG_DAMAGED' })
    expect(files(/\.ldb$/)).toEqual(expect.arrayContaining(before))
  })

  it.each([
    ['a batch', 's', -5, 'at once'],
    ['the first chunk of a partition', 'r', 0, 'at once'],
    ['a chunk in the middle', 'r', 10, 'when it is read'],
    ['the last chunk of a partition', 'r', -1, 'at once'],
    ['the format', 'v', 0, 'at once'],
  ])('is refused when LevelDB has lost %s (%s %i), %s', async (_what, kind, which, when) => {
    await fill()
    const db = new Level<Buffer, Buffer>(path, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
    const end = String.fromCharCode(kind.charCodeAt(0) + 1)
    const keys = await db.keys({ gte: Buffer.from(kind), lt: Buffer.from(end) }).all()
    await db.del(keys.at(which) ?? Buffer.alloc(0))
    await db.close()
    expect(await refusal()).toMatchObject({ code: 'MILLRACE_LOG_DAMAGED' })
    if (when !== 'at once') return
    await expect(EmbeddedLog.open({ path })).rejects.toMatchObject({ code: 'MILLRACE_LOG_DAMAGED' })
  })

  it.each([
    ['a topic', 't'],
    ['a partition', 'p'],
    ['the number of a batch', 's'],
    ['the format', 'v'],
  ])('is refused when the entry of %s is not what was written', async (_what, kind) => {
    await fill()
    const db = new Level<Buffer, Buffer>(path, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
    const [entry] = await db.iterator({ gte: Buffer.from(kind), limit: 1 }).all()
    if (entry === undefined) throw new Error(`There is no entry ${kind}`)
    const [key, value] = entry
    await db.put(key, Buffer.from(value).fill((value[0] ?? 0) ^ 1, 0, 1))
    await db.close()
    expect(await refusal()).toMatchObject({ code: 'MILLRACE_LOG_DAMAGED' })
  })

  it('is refused for a version that wrote another format', async () => {
    await fill()
    writeFileSync(join(path, 'format.json'), '{"format":99,"batches":1}')
    const opening = EmbeddedLog.open({ path })
    await expect(opening).rejects.toMatchObject({ code: 'MILLRACE_LOG_FORMAT_UNKNOWN' })
  })
})

describe('a directory', () => {
  it('that was left by a process killed while it made the log becomes a log', async () => {
    mkdirSync(path)
    writeFileSync(join(path, 'MANIFEST-000001'), '')
    writeFileSync(join(path, 'LOCK'), '')
    const log = await EmbeddedLog.open({ path })
    expect(log.health()).toEqual({ ok: true })
    await log.close()
  })

  it('that cannot be made is refused, naming the path', async () => {
    const file = join(home, 'file')
    writeFileSync(file, '')
    for (const name of [file, join(file, 'log')]) {
      const opening = EmbeddedLog.open({ path: name })
      await expect(opening).rejects.toMatchObject({
        name: 'FatalError',
        code: 'MILLRACE_LOG_UNUSABLE',
      })
      await expect(opening).rejects.toThrow(name)
    }
  })

  it('can be opened after an attempt that failed', async () => {
    writeFileSync(path, '')
    await expect(EmbeddedLog.open({ path })).rejects.toThrow(path)
    rmSync(path)
    await (await EmbeddedLog.open({ path })).close()
    await (await EmbeddedLog.open({ path })).close()
  })
})
