/**
 * The package as others get it: what is in it, what its doors look like from outside, and the
 * program of docs/getting-started.md in an empty project, on each major version of Node.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { isLong } from '../support/lengths.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const majors = ['20', '22', '24']
const offline = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string; readonly mode: number }[]
}

function pack(...args: readonly string[]): Packed {
  const text = npm(['pack', '--ignore-scripts', '--json', ...args], root)
  const [packed] = JSON.parse(text) as readonly Packed[]
  if (packed === undefined) throw new Error(text)
  return packed
}

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}

describe('the package', () => {
  it('has what it needs to run, and no sources, tests or benchmarks', () => {
    const { files } = pack('--dry-run')
    const paths = files.map(({ path }) => path)
    for (const needed of [
      'bin/millrace.mjs',
      'dist/src/cli/main.js',
      'dist/src/index.d.ts',
      'dist/src/index.js',
      'dist/src/http/page/index.html',
      'dist/src/main.js',
      'dist/src/testing/index.d.ts',
      'dist/src/testing/index.js',
      'dist/topologies/metric-row.avsc',
      'dist/topologies/shop-metrics.js',
      'package.json',
      'LICENSE',
      'README.md',
    ]) {
      expect(paths).toContain(needed)
    }
    const wanted = /^(bin|dist\/(src|state|topologies))\/|^[A-Z]+(\.md)?$|^package\.json$/
    const unwanted = /(?<!\.d)\.ts$|\.map$|\.test\.|^dist\/\./
    expect(paths.filter((path) => !wanted.test(path) || unwanted.test(path))).toEqual([])
    expect((files.find(({ path }) => path === 'bin/millrace.mjs')?.mode ?? 0) & 0o111).not.toBe(0)
  })
})

// It fetches versions of Node, and all that the package depends on.
if (isLong) {
  describe('the package in an empty project', () => {
    let directory: string
    let tarball: string

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'millrace-package-'))
      tarball = join(directory, pack('--pack-destination', directory).filename)
      const project = join(directory, 'project')
      mkdirSync(project)
      writeFileSync(join(project, 'package.json'), '{"type":"module"}')
      const platform = `node-${process.platform}-${process.arch}`
      const nodes = majors.map((major) => `node${major}@npm:${platform}@${major}`)
      const types = ['typescript', '@types/node'].map((name) => `${name}@${versionHere(name)}`)
      npm(['install', ...offline, tarball, ...types, ...nodes], project)
      for (const [name, text] of programs()) writeFileSync(join(project, name), text)
      run(project, 'node_modules/typescript/bin/tsc', [])
    }, 300_000)

    afterAll(() => rmSync(directory, { recursive: true, force: true }))

    it('is what its package.json says, to publint and to the checker of types', () => {
      const publint = run(root, 'node_modules/publint/src/cli.js', ['run', tarball, '--strict'])
      expect(publint).toContain('All good!')
      // It ends with another status than 0, which throws, if it finds anything.
      const attw = 'node_modules/@arethetypeswrong/cli/dist/index.js'
      const checked = run(root, attw, [tarball, '--profile', 'esm-only', '--no-color'])
      expect(checked).toContain('"millrace/testing"')
    })

    it.each(majors)('runs the program of docs/getting-started.md on Node %s', async (major) => {
      const project = join(directory, 'project')
      const node = join(project, `node_modules/node${major}/bin/node`)
      rmSync(join(project, '.data'), { recursive: true, force: true })
      expect(execFileSync(node, ['--version'], { encoding: 'utf8' })).toMatch(`v${major}.`)
      const said = (script: string): string =>
        execFileSync(node, [script], { cwd: project, encoding: 'utf8' })
      expect(said('try.js')).toContain('ann: { orders: 2, cents: 1300 }')
      expect(said('feed.js')).toBe('3 orders are in the log\n')
      const bin = 'node_modules/millrace/bin/millrace.mjs'
      const app = ['-a', 'orders']
      const child = spawn(node, [bin, 'run', 'orders.js', ...app], { cwd: project })
      onTestFinished(() => void child.kill('SIGKILL'))
      await says(child, 'Running')
      for (;;) {
        const lag = [bin, 'lag', 'orders.js', ...app, '--json']
        const found = execFileSync(node, lag, { cwd: project, encoding: 'utf8' })
        const report = JSON.parse(found) as { lag: number; partitions: readonly unknown[] }
        if (report.lag === 0 && report.partitions.length === 2) break
      }
      child.kill('SIGTERM')
      expect(await once(child, 'close')).toEqual([0, null])
      const inspect = [bin, 'inspect', 'by-customer', 'ann', '-m', 'orders.js', ...app, '--json']
      const rows = execFileSync(node, inspect, { cwd: project, encoding: 'utf8' })
      expect(JSON.parse(rows)).toMatchObject({ rows: [{ value: { orders: 2, cents: 200 } }] })
      const verified = spawnSync(node, [bin, 'verify', 'orders.js', ...app], { cwd: project })
      expect(verified.status).toBe(0)
    })
  })
}

function run(cwd: string, script: string, args: readonly string[]): string {
  return execFileSync(process.execPath, [script, ...args], { cwd, encoding: 'utf8' })
}

function versionHere(name: string): string {
  const { devDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    devDependencies: Record<string, string>
  }
  return devDependencies[name] ?? 'latest'
}

/** The files that the page tells to write. */
function programs(): readonly (readonly [name: string, text: string])[] {
  const page = readFileSync(`${root}docs/getting-started.md`, 'utf8')
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code)
  const [, settings = ''] = /^```\n(\{\n.*?)^```$/ms.exec(page) ?? []
  const [orders = '', trial = '', feed = ''] = blocks
  return [
    ['orders.ts', orders],
    ['try.ts', trial],
    ['feed.ts', feed],
    ['tsconfig.json', settings],
  ]
}

async function says(child: ChildProcess, text: string): Promise<void> {
  let output = ''
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk))
  while (!output.includes(text)) {
    if (child.exitCode !== null) throw new Error(output)
    await once(child.stderr ?? child, 'data')
  }
}
