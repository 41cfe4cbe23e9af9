/** The runner itself: what it reads, what it takes for a difference, and what it ends with. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Case, CaseResult } from './case.ts'
import { compare } from './compare.ts'

const root = new URL('../..', import.meta.url).pathname
const record = { step: 0, key: 'a', value: 'X', ts: 1 }
const upper: Case = {
  name: 'upper-1',
  family: 'stateless',
  topology: [
    { id: 's', op: 'stream', topic: 'in' },
    { id: 'm', op: 'mapValues', from: 's', fn: 'upper' },
    { op: 'to', from: 'm', topic: 'out' },
  ],
  steps: [{ pipe: { topic: 'in', key: 'a', value: 'x', ts: 1 } }],
  expected: { outputs: { out: [record] }, stores: {}, dropped: 0 },
}

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-conformance-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function run(files: Readonly<Record<string, unknown>>, ...args: readonly string[]) {
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    writeFileSync(join(directory, name), text)
  }
  const script = join(root, 'src/launch/conformance.mjs')
  const { stdout, status } = spawnSync(process.execPath, [script, ...args, directory], {
    encoding: 'utf8',
  })
  return { status, lines: stdout.trimEnd().split('\n'), stdout }
}

test('cases that pass are counted by family, and the status is 0', () => {
  const { status, lines } = run({ 'upper.json': [upper] })
  expect(lines).toEqual(['stateless 1/1', '1 passed, 0 failed, 0 not judged'])
  expect(status).toBe(0)
})

test('what is wrong is named: a difference, an operator, a file; the status is 1', () => {
  const other = { ...record, value: 'Y' }
  const [wanted, got] = [JSON.stringify(other), JSON.stringify(record)]
  const { status, stdout } = run(
    {
      'a.json': [
        { ...upper, name: 'differs', expected: { outputs: { out: [other] } } },
        { ...upper, name: 'unknown', topology: [{ id: 's', op: 'teleport' }] },
        { ...upper, name: 'known' },
        { ...upper, name: 'good' },
      ],
      'b.json': '{"no":"array"}',
      'quirks.json': { 'a reason': ['known'] },
    },
    '--json'
  )
  const report = JSON.parse(stdout) as Record<string, unknown>
  expect(report).toMatchObject({ passed: 1, failed: 3, notJudged: ['known'] })
  expect(report['failures']).toEqual([
    { name: join(directory, 'b.json'), difference: 'not an array of cases' },
    { name: 'differs', difference: `outputs.out[0]: expected ${wanted}, got ${got}` },
    { name: 'unknown', difference: "unknown operator 'teleport'" },
  ])
  expect(status).toBe(1)
})

test('a case that dies after each record is compared with one that lives', () => {
  const clocked = { ...upper, name: 'clocked', steps: [{ advanceWallClockMs: 1 }] }
  const { status, lines } = run({ 'upper.json': [upper, clocked] }, '--crashes')
  expect(lines).toEqual([
    'stateless 1/1',
    'not judged: clocked',
    '1 passed, 0 failed, 1 not judged',
  ])
  expect(status).toBe(0)
})

const result = (changes: Partial<CaseResult>): CaseResult => ({ ...upper.expected, ...changes })

test.each([
  ['a record more', { outputs: { out: [record, record] } }, 'outputs.out[1]'],
  ['a topic more', { outputs: { out: [record], more: [record] } }, 'outputs.more[0]'],
  ['another step', { outputs: { out: [{ ...record, step: 1 }] } }, 'outputs.out[0]'],
  ['a header more', { outputs: { out: [{ ...record, headers: { h: '' } }] } }, 'outputs.out[0]'],
  ['a record dropped', { dropped: 1 }, 'dropped'],
  ['a failure', { error: { step: 0 } }, 'error'],
] as const)('%s is a difference', (_, changes, where) => {
  const { difference } = compare(upper, result(changes))
  expect(difference).toContain(where)
})

test('rows of a store are compared without their order', () => {
  const [a, b] = [
    { key: 'a', value: 1 },
    { key: 'b', value: 2 },
  ]
  const one = { ...upper, expected: { ...upper.expected, stores: { s: [a, b] } } }
  expect(compare(one, result({ stores: { s: [b, a] } })).difference).toBeUndefined()
  expect(compare(one, result({ stores: { s: [b] } })).difference).toContain('stores.s[0]')
})

test('where keys have no order between them, each keeps its own', () => {
  const [a, b] = [record, { ...record, key: 'b' }]
  const later = { ...record, value: 'Z' }
  const one: Case = { ...upper, order: 'perKey', expected: { outputs: { out: [a, b, later] } } }
  expect(compare(one, { outputs: { out: [b, a, later] } }).difference).toBeUndefined()
  expect(compare(one, { outputs: { out: [b, later, a] } }).difference).toContain('outputs.out[0]')
})

test('a result may be that of another kind of store, and says which', () => {
  const one: Case = { ...upper, expectedInMemory: { outputs: { out: [] } } }
  expect(compare(one, result({}))).toEqual({ difference: undefined, choices: ['default'] })
  const { choices } = compare(one, result({ outputs: { out: [] } }))
  expect(choices).toEqual(['in memory'])
})
