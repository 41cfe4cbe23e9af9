/** The rules of the house, as a test: who may import whom, how large things may grow. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const linesMax = 500
const functionLinesMax = 70
const operatorLinesMax = 200
const columnsMax = 100

/** Every room, and what it may import; itself always. `type:` means types only. */
const ground = 'ground'
const table: Readonly<Record<string, readonly string[]>> = {
  ground: [],
  serde: [ground],
  avro: [ground, 'serde'],
  registry: [ground, 'serde', 'avro', '@kafkajs/confluent-schema-registry'],
  windows: [ground],
  aggregators: [ground, 'serde', 'windows', 'type:state'],
  state: [ground, 'level'],
  processor: [ground, 'serde', 'windows', 'aggregators', 'type:state'],
  operators: [ground, 'serde', 'windows', 'aggregators', 'processor', 'type:state'],
  topology: [ground, 'serde', 'windows', 'aggregators', 'processor', 'operators', 'type:state'],
  dsl: [ground, 'serde', 'windows', 'aggregators', 'processor', 'operators', 'topology', 'state'],
  runtime: [ground, 'serde', 'windows', 'operators', 'processor', 'topology', 'state'],
  log: [ground, 'type:runtime', 'serde', 'level'],
  kafka: [ground, 'type:runtime', 'serde', 'kafkajs', 'lz4-napi', 'snappy', '@bokuweb/zstd-wasm'],
  metrics: [ground, 'type:runtime', 'prom-client'],
  dashboards: [ground, 'type:metrics', 'type:topology'],
  threads: [ground, 'processor', 'topology', 'runtime', 'state', 'kafka'],
  views: [ground, 'type:runtime'],
  demo: [ground, 'type:runtime'],
  http: [
    ground,
    'type:runtime',
    'type:views',
    'hono',
    '@hono/node-server',
    'uplot',
    '@dagrejs/dagre',
  ],
  testing: [
    ground,
    'serde',
    'windows',
    'processor',
    'operators',
    'topology',
    'dsl',
    'runtime',
    'log',
    'state',
  ],
  cli: [
    ground,
    'open',
    'serde',
    'windows',
    'processor',
    'operators',
    'topology',
    'runtime',
    'state',
    'log',
    'kafka',
    'threads',
    'http',
    'metrics',
    'commander',
  ],
  topologies: ['index'],
}

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

const files = ['src', 'state', 'topologies', 'bench', 'test'].flatMap((name) =>
  walk(join(root, name))
)
const shipped = files.filter((file) => /^(src|state|topologies)\//.test(file))

describe('the house', () => {
  it('keeps every room to the imports it is allowed', () => {
    const faults = shipped.flatMap(imports).flatMap((entry) => {
      const from = roomOf(entry.from)
      const allowed = table[from]
      if (allowed === undefined) {
        return ['open', 'index'].includes(from) ? [] : [`${entry.from}: unknown room`]
      }
      const to = entry.to.startsWith('.') ? roomOf(target(entry)) : packageOf(entry.to)
      if (to === from || to === 'node') return []
      const may = allowed.includes(to) || (entry.typeOnly && allowed.includes(`type:${to}`))
      return may ? [] : [`${entry.from} imports ${entry.typeOnly ? 'types of ' : ''}${entry.to}`]
    })
    expect(faults).toEqual([])
  })

  it('has no cycle of imports', () => {
    const edges = new Map<string, string[]>()
    for (const entry of shipped.flatMap(imports)) {
      if (!entry.to.startsWith('.') || entry.typeOnly) continue
      edges.set(entry.from, [...(edges.get(entry.from) ?? []), target(entry)])
    }
    expect(cycle(edges)).toEqual([])
  })

  it('keeps files under 500 lines and lines under 101 columns', () => {
    const faults = files.flatMap((file) => {
      const lines = read(file).split('\n')
      const wide = lines.findIndex((line) => line.length > columnsMax)
      return [
        ...(lines.length > linesMax ? [`${file}: ${lines.length} lines`] : []),
        ...(wide >= 0 ? [`${file}:${wide + 1}: over ${columnsMax} columns`] : []),
      ]
    })
    expect(faults).toEqual([])
  })

  it('keeps operators under 200 lines, and most of them under 90', () => {
    const operators = files.filter((file) => file.startsWith('src/operators/'))
    const lengths = operators.map((file) => [read(file).split('\n').length - 1, file] as const)
    const ascending = lengths.map(([lines]) => lines).sort((a, b) => a - b)
    expect(lengths.filter(([lines]) => lines > operatorLinesMax)).toEqual([])
    expect(ascending[Math.floor(ascending.length / 2)]).toBeLessThan(90)
  })

  it('keeps functions under 70 lines', () => {
    expect(shipped.filter((file) => file.endsWith('.ts')).flatMap(longFunctions)).toEqual([])
  })

  it('opens every source file with its purpose', () => {
    expect(shipped.filter((file) => !read(file).startsWith('/**'))).toEqual([])
  })

  it('has no leftover markers, focused tests or switched-off rules', () => {
    const markers = [
      'TO' + 'DO',
      'FIX' + 'ME',
      'biome-' + 'ignore',
      '@ts-' + 'ignore',
      '.on' + 'ly(',
    ]
    const faults = files.flatMap((file) =>
      markers.filter((marker) => read(file).includes(marker)).map((marker) => `${file}: ${marker}`)
    )
    expect(faults).toEqual([])
  })
})

function walk(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

function imports(file: string): Import[] {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.ES2023, true)
  const found: Import[] = []
  const add = (to: ts.Node | undefined, typeOnly: boolean): void => {
    if (to !== undefined && ts.isStringLiteral(to))
      found.push({ from: file, to: to.text, typeOnly })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.isTypeOnly === true)
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function target({ from, to }: Import): string {
  return relative(root, resolve(root, dirname(from), to))
}

/** 'open': files that see all rooms, or stand outside them. */
function roomOf(file: string): string {
  const [top = '', second = '', third] = file.split('/')
  if (top === 'state' || top === 'topologies') return top
  if (top !== 'src') return top
  if (third !== undefined) return second === 'launch' ? 'open' : second
  if (second === 'index.ts') return 'index'
  const sees = [
    'main.ts',
    'stream-app.ts',
    'stream-app-options.ts',
    'shop-app.ts',
    'shop-process.ts',
    'dashboard-files.ts',
  ]
  return sees.includes(second) ? 'open' : ground
}

function packageOf(name: string): string {
  if (name.startsWith('node:')) return 'node'
  const [scope = '', rest] = name.split('/')
  return scope.startsWith('@') ? `${scope}/${rest}` : scope
}

/** One cycle as a path, or nothing. */
function cycle(edges: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): readonly string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return []
    for (const next of edges.get(file) ?? []) {
      const found = visit(next, [...path, file])
      if (found.length > 0) return found
    }
    done.add(file)
    return []
  }
  for (const file of edges.keys()) {
    const found = visit(file, [])
    if (found.length > 0) return found
  }
  return []
}

function longFunctions(file: string): string[] {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.ES2023, true)
  const faults: string[] = []
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const start = lineOf(node.getStart(source))
      const lines = lineOf(node.getEnd()) - start + 1
      if (lines > functionLinesMax) faults.push(`${file}:${start + 1}: ${lines} lines`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return faults
}
