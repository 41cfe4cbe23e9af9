/**
 * The examples in the comments of the public API: every operator has one, it is typed, and it runs.
 * An example is code between backticks or a block, that calls the method it stands above; what it
 * is called on, and the names that it uses, are in `examples-prelude.ts`.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StreamsBuilder } from '../src/index.ts'
import { TopologyTestDriver } from '../src/testing/index.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Every example has them. */
const everywhere = ['StreamsBuilder.stream', 'StreamsBuilder.build']

/** By class: the file, and which world of the prelude its examples live in. */
const classes = [
  ['StreamsBuilder', 'src/dsl/streams-builder.ts', 'builders'],
  ['KStream', 'src/dsl/k-stream.ts', 'streams'],
  ['JoinableStream', 'src/dsl/joinable-stream.ts', 'streams'],
  ['KTable', 'src/dsl/k-table.ts', 'tables'],
  ['JoinableTable', 'src/dsl/joinable-table.ts', 'tables'],
  ['KGroupedStream', 'src/dsl/k-grouped-stream.ts', 'grouped'],
  ['KGroupedTable', 'src/dsl/k-grouped-table.ts', 'groupedTable'],
  ['WindowedStream', 'src/dsl/windowed-stream.ts', 'windowed'],
  ['GlobalWindowedStream', 'src/dsl/windowed-stream.ts', 'globalWindowed'],
  ['SessionWindowedStream', 'src/dsl/session-windowed-stream.ts', 'sessions'],
] as const

interface Example {
  readonly of: string
  readonly world: string
  readonly code: string
}

const methods = classes.flatMap(([name, file, world]) => methodsOf(name, file, world))

describe('the examples of the public API', () => {
  const examples = methods.flatMap((method) => method.examples)
  let folder: string
  let path: string

  beforeAll(() => {
    mkdirSync(join(root, '.build'), { recursive: true })
    folder = mkdtempSync(join(root, '.build/examples-'))
    path = join(folder, 'examples.ts')
    writeFileSync(path, program(examples))
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('are there for every operator', () => {
    const without = methods.filter(
      ({ of, examples: own }) => own.length === 0 && !everywhere.includes(of)
    )
    expect(without.map(({ of }) => of)).toEqual([])
    expect(methods.length).toBeGreaterThan(40)
  })

  it('are typed', () => {
    const { config } = ts.readConfigFile(join(root, 'test/tsconfig.json'), ts.sys.readFile)
    const { options } = ts.parseJsonConfigFileContent({ ...config, files: [] }, ts.sys, root)
    const settings = { ...options, noEmit: true, allowImportingTsExtensions: true }
    const compiled = ts.createProgram([path], { ...settings, noUnusedLocals: false })
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
  })
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

const prelude = 'test/support/examples-prelude.ts'

function program(examples: readonly Example[]): string {
  const text = readFileSync(join(root, prelude), 'utf8')
  const shared = [...text.matchAll(/^export const (\w+)/gm)]
  const bodies = examples.map(({ world, code }) => {
    const body = text.slice(text.indexOf(`export function ${world}(`))
    const names = /return \{ ([^}]*)\}/.exec(body)?.[1] ?? ''
    const own = names.split(',').map((name) => name.split(':')[0]?.trim())
    return `() => {
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
type ProcessorContext<K, V> = millrace.ProcessorContext<K, V>
const { ${shared.map(([, name]) => name).join(', ')} } = prelude
const { StreamsBuilder, count, tumbling, session, sliding, within } = millrace
const { untilTimeLimit, untilWindowCloses } = millrace
export const programs: readonly (() => millrace.StreamsBuilder)[] = [
${bodies.join('\n')}
]
`
}

/** The public methods of a class, each with the examples that stand above its overloads. */
function methodsOf(
  className: string,
  file: string,
  world: string
): readonly { readonly of: string; readonly examples: readonly Example[] }[] {
  const text = readFileSync(join(root, file), 'utf8')
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true)
  const found = new Map<string, string>()
  ts.forEachChild(source, (node) => {
    if (!ts.isClassDeclaration(node) || node.name?.text !== className) return
    for (const member of node.members) {
      if (!ts.isMethodDeclaration(member) || !ts.isIdentifier(member.name)) continue
      if (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Protected) continue
      const [range] = ts.getLeadingCommentRanges(text, member.getFullStart())?.slice(-1) ?? []
      const comment = range === undefined ? '' : text.slice(range.pos, range.end)
      found.set(member.name.text, `${found.get(member.name.text) ?? ''}\n${comment}`)
    }
  })
  return [...found].map(([method, comment]) => {
    const of = `${className}.${method}`
    const codes = codesOf(comment).filter((code) => calls(code, method))
    const examples = codes.map((code) => ({ of, world, code: called(code, method) }))
    return { of, examples }
  })
}

/** Blocks that stand four spaces in, and what stands between backticks. */
function codesOf(comment: string): readonly string[] {
  const lines = comment.split('\n').map((line) => line.replace(/^ *(?:\/\*\*|\*\/|\*) ?/, ''))
  const prose = lines.map((line) => (line.startsWith('    ') ? '' : line.replace(/ ?\*\/$/, '')))
  const blocks = lines.map((line) => (/^ {4}|^$/.test(line) ? line.slice(4) : '\0')).join('\n')
  const spans = [...prose.join(' ').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
  return [...blocks.split(/\0/).map((block) => block.trim()), ...spans].filter(
    (code) => code !== '' && !code.includes('…')
  )
}

function calls(code: string, method: string): boolean {
  return new RegExp(`(^|\\.)${method}\\(`).test(code)
}

/** On its own, it is called on what the world says. */
function called(code: string, method: string): string {
  if (code.startsWith('.')) return `self${code}`
  return code.startsWith(`${method}(`) || /^\w+\(/.test(code) ? `self.${code}` : code
}
