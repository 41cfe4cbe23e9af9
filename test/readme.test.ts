/** The programs of README.md, run as a reader would; and whether what the pages name is there. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { errorCodes } from '../src/kafka/kafka-errors.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

const [program = '', testing = ''] = codeOf('README.md')
/** The page is one program. */
const topologies = codeOf('docs/topologies.md').join('')
/** The topics and the topology, without the application that runs them. */
const definitions = program.slice(0, program.indexOf('const app ='))
const [orders = '', trial = '', feed = ''] = codeOf('docs/getting-started.md')
const [moved = ''] = codeOf('docs/from-kafka-streams.md')
const programs = new Map([
  ['moved.ts', moved],
  ['orders.ts', orders],
  ['try.ts', trial],
  ['feed.ts', feed],
  ['program.ts', program],
  ['testing.ts', `${definitions}\n${testing}`],
  ['whole.ts', `${program}\n${testing}`],
  ['topologies.ts', topologies],
])

describe('the programs of the pages', () => {
  let directory: string
  let compiled: ts.Program

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-readme-'))
    compiled = compile()
    install(compiled, directory)
  }, 300_000)

  afterAll(() => {
    rmSync(directory, { recursive: true, force: true })
  })

  it('are typed', () => {
    // The testing program alone would not use all that it imports: it is checked with the first.
    const whole = [...programs.keys()].filter((name) => name !== 'testing.ts')
    const faults = whole.flatMap((name) => {
      const source = compiled.getSourceFile(join(root, name))
      expect(source?.text).toMatch(/^import /)
      const found = [
        ...compiled.getSyntacticDiagnostics(source),
        ...compiled.getSemanticDiagnostics(source),
      ]
      return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
    })
    expect(faults).toEqual([])
  })

  it.each([
    ['testing.js', testing, 'visitors: 1'],
    ['topologies.js', topologies, 'o1: Lamp'],
    ['try.js', trial, 'cents: 1300'],
    ['moved.js', moved, 'north'],
    ['feed.js', feed, '3 orders'],
  ])('print what the page says: %s', (script, code, part) => {
    const output = execFileSync(process.execPath, [script], { cwd: directory, encoding: 'utf8' })
    const said = [...code.matchAll(/^console\.log\(.*\)\n((?:\/\/ .*\n)+)/gm)]
    expect(output).toBe(said.map(([, lines = '']) => lines.replaceAll(/^\/\/ /gm, '')).join(''))
    expect(output).toContain(part)
  })

  it('run on the embedded log until SIGTERM', async () => {
    const tell = `process.on('newListener', (name) => {
      if (name === 'SIGTERM') setImmediate(() => console.log('listening'))
    })`
    const args = ['--import', `data:text/javascript,${encodeURIComponent(tell)}`, 'program.js']
    const stdio = ['ignore', 'pipe', 'inherit'] as const
    const child = spawn(process.execPath, args, { cwd: directory, stdio: [...stdio] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const exit = once(child, 'exit')
    const first = await Promise.race([once(child.stdout, 'data'), exit])
    expect(String(first)).toBe('listening\n')
    child.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
    expect(existsSync(join(directory, '.data/clicks-by-5m/log'))).toBe(true)
  })
})

describe('README.md and docs/', () => {
  const names = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)]
  const pages = names.map((name) => ({ name, text: read(name) }))
  const inSources = (folder: string): string =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.name.endsWith('.ts'))
      .map((entry) => read(join(folder, entry.name)))
      .join('\n')
  /** What the pages name that is not there. */
  const missing = (pattern: RegExp, isThere: (found: string, page: string) => boolean) =>
    pages.flatMap(({ name, text }) => {
      const found = [...text.matchAll(pattern)].map(([all, part]) => part ?? all)
      return found.filter((one) => !isThere(one, name)).map((one) => `${name}: ${one}`)
    })

  it('link to pages that exist', () => {
    const isThere = (link: string, page: string) => existsSync(join(root, dirname(page), link))
    expect(missing(/\]\((?!https?:)([^)#]+)/g, isThere)).toEqual([])
  })

  it('name files and rooms that exist', () => {
    const pattern = /`((?:src|state|test|topologies|bench|docs|compose)\/[^`*\s]*)`/g
    expect(missing(pattern, (path) => existsSync(join(root, path)))).toEqual([])
  })

  it('name commands that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const isThere = (name: string) => name in scripts || ['init', 'install', 'pkg'].includes(name)
    expect(missing(/\bnpm (?:run )?([a-z]+)/g, isThere)).toEqual([])
  })

  it('name settings that exist', () => {
    const config = ['config.ts', 'config-formats.ts', 'config-kafka.ts']
    const files = [...config, 'cli/terminal.ts', 'registry/client.ts']
    const settings = files.map((name) => read(`src/${name}`)).join('')
    const pattern = /(?<=`)(?!MILLRACE_)[A-Z_]{4,}(?=[`=])|\b(?!MILLRACE_)[A-Z]{2,}(?:_[A-Z]+)+\b/g
    const isThere = (name: string) => settings.includes(`'${name.replace(/_FILE$/, '')}'`)
    expect(missing(pattern, (name) => settings.includes(`'${name}'`) || isThere(name))).toEqual([])
  })

  it('name error codes that exist', () => {
    // What brokers answer has codes by Kafka's own names.
    const answers = Object.keys(errorCodes).map((name) => `MILLRACE_KAFKA_${name}`)
    const known = new Set([...codesInSources(), ...answers, 'MILLRACE_KAFKA_'])
    expect(missing(/\bMILLRACE_[A-Z_]+\b/g, (code) => known.has(code))).toEqual([])
  })

  it('explain every error code that exists', () => {
    const explained = new Set(read('docs/errors.md').match(/\bMILLRACE_[A-Z_]+\b/g))
    expect([...codesInSources()].filter((code) => !explained.has(code))).toEqual([])
  })

  it('name metrics that exist', () => {
    const metrics = inSources('src/metrics') + inSources('topologies')
    expect(
      missing(/\b(?:millrace|shop)_[a-z_]+\b/g, (name) => metrics.includes(`'${name}'`))
    ).toEqual([])
  })

  it('name paths that the server answers', () => {
    const routes = read('src/http/app.ts')
    const isThere = (path: string) =>
      routes.includes(`route(app, '${path.replace(/\{(\w+)\}/, ':$1')}'`)
    expect(missing(/`(\/[a-z][a-z/.{}]*)`/g, isThere)).toEqual([])
  })
})

function codesInSources(): ReadonlySet<string> {
  const files = ['src', 'state', 'topologies'].flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
  )
  return new Set(files.flatMap((text) => text.match(/(?<=')MILLRACE_[A-Z_]+(?=')/g) ?? []))
}

/** What a page has in TypeScript, block by block. */
function codeOf(page: string): readonly string[] {
  return [...read(page).matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code)
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** The programs, as if they lay beside README.md, with the package's two doors to its sources. */
function compile(): ts.Program {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: ['src'] }, ts.sys, root)
  const settings: ts.CompilerOptions = {
    ...options,
    declaration: false,
    sourceMap: false,
    paths: {
      millrace: [join(root, 'src/index.ts')],
      'millrace/testing': [join(root, 'src/testing/index.ts')],
    },
  }
  const host = ts.createCompilerHost(settings)
  const { fileExists, readFile, getSourceFile } = host
  const textOf = (path: string) =>
    join(root, basename(path)) === path ? programs.get(basename(path)) : undefined
  host.getCurrentDirectory = () => root
  host.fileExists = (path) => textOf(path) !== undefined || fileExists(path)
  host.readFile = (path) => textOf(path) ?? readFile(path)
  host.getSourceFile = (path, language, ...rest) => {
    const text = textOf(path)
    return text === undefined
      ? getSourceFile(path, language, ...rest)
      : ts.createSourceFile(path, text, language)
  }
  const files = [...programs.keys()].map((name) => join(root, name))
  return ts.createProgram(files, settings, host)
}

/** The package in `node_modules`, the programs beside it. */
function install(compiled: ts.Program, directory: string): void {
  const home = join(directory, 'node_modules/millrace')
  const dist = compiled.getCompilerOptions().outDir ?? ''
  compiled.emit(undefined, (path, text) => {
    const isProgram = programs.has(basename(path).replace(/\.js$/, '.ts'))
    const target = isProgram ? join(directory, basename(path)) : path.replace(dist, `${home}/dist`)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, text)
  })
  copyFileSync(join(root, 'package.json'), join(home, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'))
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
}
