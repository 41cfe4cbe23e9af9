/**
 * The examples in the comments of the public API: every function and operator has one, it is typed,
 * and it runs. An example is code that calls what it stands above; what it is called on, and the
 * names that it uses, are in `examples-prelude.ts`.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StreamsBuilder } from '../src/index.ts'
import { TopologyTestDriver } from '../src/testing/index.ts'
import { type Described, describedApi, exportedValues } from './support/example-comments.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Which world of the prelude the examples of a class live in. */
const worlds: Readonly<Record<string, string>> = {
  StreamsBuilder: 'builders',
  KStream: 'streams',
  JoinableStream: 'streams',
  BranchedKStream: 'branches',
  KTable: 'tables',
  JoinableTable: 'tables',
  KGroupedStream: 'grouped',
  KGroupedTable: 'groupedTable',
  WindowedStream: 'windowed',
  GlobalWindowedStream: 'globalWindowed',
  SessionWindowedStream: 'sessions',
  CogroupedStream: 'cogrouped',
  CogroupedWindows: 'cogroupedWindows',
  CogroupedSessions: 'cogroupedSessions',
  CogroupedAggregators: 'cogroupedFields',
  CogroupedInWindows: 'cogroupedFieldsInWindows',
  CogroupedInSessions: 'cogroupedFieldsInSessions',
  Windows: 'functions',
  SessionWindows: 'functions',
  SlidingWindows: 'functions',
  UnlimitedWindows: 'functions',
}

interface Example {
  readonly of: string
  readonly world: string
  readonly code: string
}

/** Every example has them. */
const everywhere = ['StreamsBuilder.stream', 'StreamsBuilder.build']

const described = describedApi().filter((one) => !everywhere.includes(titleOf(one)))

function titleOf({ owner, name }: Described): string {
  return owner === undefined ? name : `${owner}.${name}`
}

const examples = described.flatMap((one) =>
  one.codes.map(
    (code): Example => ({ of: titleOf(one), world: worldOf(one), code: madeOf(one, code) })
  )
)

describe('the examples of the public API', () => {
  let folder: string
  let path: string

  beforeAll(() => {
    mkdirSync(join(root, '.build'), { recursive: true })
    folder = mkdtempSync(join(root, '.build/examples-'))
    path = join(folder, 'examples.ts')
    writeFileSync(path, program())
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('are there for every function and operator', () => {
    expect(described.filter(({ codes }) => codes.length === 0).map(titleOf)).toEqual([])
    expect(described.filter(({ owner }) => owner !== undefined).length).toBeGreaterThan(60)
    expect(described.filter(({ owner }) => owner === undefined).length).toBeGreaterThan(25)
  })

  it('are typed', () => {
    const folder = join(root, 'test')
    const { config } = ts.readConfigFile(join(folder, 'tsconfig.json'), ts.sys.readFile)
    const { options } = ts.parseJsonConfigFileContent({ ...config, files: [] }, ts.sys, folder)
    const settings = { ...options, noEmit: true, allowImportingTsExtensions: true }
    const unused = { noUnusedLocals: false, noUnusedParameters: false }
    const compiled = ts.createProgram([path], { ...settings, ...unused })
    const source = compiled.getSourceFile(path)
    const faults = compiled.getSemanticDiagnostics(source).map((fault) => {
      const text = ts.flattenDiagnosticMessageText(fault.messageText, '\n')
      const line = source?.getLineAndCharacterOfPosition(fault.start ?? 0).line ?? 0
      return `${source?.text.split('\n')[line]}\n${text}`
    })
    expect(faults).toEqual([])
  })

  it('run', async () => {
    const { programs } = (await import(pathToFileURL(path).href)) as {
      readonly programs: readonly (() => StreamsBuilder)[]
    }
    expect(programs.length).toBe(examples.length)
    for (const [index, build] of programs.entries()) {
      const topology = build().build()
      // Functions stand for themselves: nothing of them runs.
      if (examples[index]?.world === 'functions') continue
      const driver = await TopologyTestDriver.open(topology)
      try {
        for (const topic of topology.topics.filter(({ role }) => role === 'source')) {
          const value = Buffer.from(JSON.stringify(record))
          await driver.log.append(topic.name, [{ key: Buffer.from('k'), value, timestamp: 1 }])
        }
        await driver.settle()
        expect(driver.dropped(), examples[index]?.code).toEqual({})
      } finally {
        await driver.close()
      }
    }
  }, 300_000)
})

/** It can be read as anything that the prelude has topics of. */
const record = {
  id: 'o1',
  user: 'k',
  cents: 5,
  currency: 'EUR',
  items: ['a'],
  at: 7,
  name: 'Ann',
  region: 'eu',
  street: 'Road',
  product: 'k',
  title: 'Apple',
}

function isAggregator({ owner, file }: Described): boolean {
  return owner === undefined && file.includes('/aggregators/')
}

function worldOf(one: Described): string {
  if (isAggregator(one)) return 'aggregators'
  if (one.owner === undefined) return 'functions'
  const world = worlds[one.owner]
  if (world === undefined) throw new Error(`No world for the examples of ${one.owner}`)
  return world
}

/** Methods on their own are called on what the world says; aggregators fill a field. */
function madeOf(one: Described, code: string): string {
  if (isAggregator(one)) {
    const field = /^\w+: /.test(code) ? code : `field: ${code}`
    return `self.aggregate('of-the-example', { ${field}\n})`
  }
  if (one.owner === undefined || worldOf(one) === 'functions') return code
  if (code.startsWith('.')) return `self${code}`
  return /^\w+\(/.test(code) ? `self.${code}` : code
}

const prelude = 'test/support/examples-prelude.ts'

function program(): string {
  const text = readFileSync(join(root, prelude), 'utf8')
  const shared = [...text.matchAll(/^export const (\w+)/gm)].map(([, name]) => name)
  const bodies = examples.map(({ of, world, code }) => {
    const body = text.slice(text.indexOf(`export function ${world}(`))
    const names = /return \{ ([^}]*)\}/.exec(body)?.[1] ?? ''
    const own = names.split(',').map((name) => name.split(':')[0]?.trim())
    return `/* ${of} */ () => {
const builder = new StreamsBuilder()
const { ${own.join(', ')} } = prelude.${world}(builder)
{
${code}
}
return builder
},`
  })
  return `import * as prelude from '../../${prelude}'
import * as millrace from '../../src/index.ts'
type Order = prelude.Order
type Event = prelude.Event
type ProcessorContext<K, V> = millrace.ProcessorContext<K, V>
const { ${shared.join(', ')} } = prelude
const { ${exportedValues().join(', ')} } = millrace
export const programs: readonly (() => millrace.StreamsBuilder)[] = [
${bodies.join('\n')}
]
`
}
