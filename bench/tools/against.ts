/**
 * This build against that of another commit, on the same topics, in turns, within some seconds:
 * `npm run bench -- against --base HEAD~1`. It shows a ratio and decides nothing; where it cannot
 * compare, it says why.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openBroker } from './broker.ts'
import { type Fields, millrace, runToEnd } from './process.ts'
import { markdown, ratio, sideOf, text } from './table.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Against {
  readonly base: string
  readonly cases: readonly string[]
  readonly records: string
  readonly repeat: number
  readonly brokers: string
  /** How long runs may go on in all. */
  readonly seconds: number
}

const buildMs = 120_000

export const usage = `usage: npm run bench -- against [--base HEAD~1] [--case count,shop]
  [--records 200000] [--repeat 2] [--seconds 90] [--brokers LIST]`

export async function against(args: readonly string[]): Promise<boolean> {
  const plan = planOf(args)
  const directory = mkdtempSync(join(tmpdir(), 'millrace-base-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const commit = commitOf(plan.base)
  if (commit === undefined) {
    console.log(`bench: no commit ${plan.base} here (a shallow clone?), nothing to compare with`)
    return true
  }
  if (!(await buildInto(directory, commit))) {
    console.log(`bench: ${commit.slice(0, 9)} does not build here, nothing to compare with`)
    return true
  }
  const broker = await openBroker(plan.brokers)
  try {
    // From here on: what is fetched and built before takes its time once.
    const endMs = performance.now() + plan.seconds * 1_000
    const rows = await runInTurns(plan, `${directory}/dist`, broker.addresses, endMs)
    const head = ['case', 'runs', `CPU µs a record, ${commit.slice(0, 9)}`, 'here', 'times less']
    console.log(markdown(head, rows))
  } finally {
    await broker.close()
  }
  return true
}

async function runInTurns(
  { cases, records, repeat }: Against,
  dist: string,
  brokers: string,
  endMs: number
): Promise<readonly (readonly string[])[]> {
  const topic = `against-in-${process.pid}`
  const given = ['--records', records, '--brokers', brokers, '--topic', topic]
  const { ok } = await millrace(['--case', 'pass', '--step', 'fill', ...given])
  if (!ok) throw new Error('filling the topic failed')
  const runs = new Map(
    cases.map((name) => [name, { before: [] as Fields[], here: [] as Fields[] }])
  )
  for (let round = 0; round < repeat; round++) {
    for (const [name, lines] of runs) {
      const flags = ['--case', name, ...given]
      const sides = [
        () => run(lines.before, flags, endMs, dist),
        () => run(lines.here, [...flags, '--check', 'off'], endMs),
      ]
      for (const side of round % 2 === 0 ? sides : sides.reverse()) {
        if (performance.now() < endMs) await side()
      }
    }
  }
  return [...runs].map(([name, lines]) => {
    const [before, here] = [sideOf(lines.before), sideOf(lines.here)]
    const [then, now] = [before?.median.cpuMicros, here?.median.cpuMicros]
    const count = String(Math.min(lines.before.length, lines.here.length))
    return [name, count, text(then, 2), text(now, 2), ratio(now, then)]
  })
}

async function run(lines: Fields[], flags: readonly string[], endMs: number, dist?: string) {
  const limitMs = endMs - performance.now()
  const { line, ok } = await millrace(flags, dist === undefined ? { limitMs } : { limitMs, dist })
  if (ok && line !== undefined) lines.push(line)
}

/** Without the types being checked: they were, when it was landed. */
async function buildInto(directory: string, commit: string): Promise<boolean> {
  const archive = execFileSync('git', ['archive', '--format=tar', commit], {
    ...{ cwd: root, maxBuffer: 1 << 30 },
  })
  execFileSync('tar', ['-x', '-C', directory], { input: archive })
  const lock = 'package-lock.json'
  if (readFileSync(join(root, lock), 'utf8') !== readFileSync(join(directory, lock), 'utf8')) {
    console.log('bench: the dependencies are others now; both builds run with those of now')
  }
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const flags = ['-p', join(directory, 'tsconfig.json'), '--outDir', join(directory, 'dist')]
  const { ok } = await runToEnd(
    [process.execPath, tsc, ...flags, '--noCheck', '--declaration', 'false'],
    { limitMs: buildMs }
  )
  if (!ok) return false
  cpSync(join(directory, 'package.json'), join(directory, 'dist/package.json'))
  // Schemas and pages: what is read beside the code.
  for (const room of ['src', 'topologies']) {
    const filter = (path: string): boolean => !path.endsWith('.ts')
    cpSync(join(directory, room), join(directory, 'dist', room), { recursive: true, filter })
  }
  return true
}

function commitOf(base: string): string | undefined {
  try {
    const args = ['rev-parse', '--verify', '--quiet', `${base}^{commit}`]
    return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

function planOf(args: readonly string[]): Against {
  const { values } = parseArgs({
    args: [...args],
    options: {
      base: { type: 'string', default: 'HEAD~1' },
      case: { type: 'string', default: 'count,shop' },
      records: { type: 'string', default: '200000' },
      repeat: { type: 'string', default: '2' },
      seconds: { type: 'string', default: '90' },
      brokers: { type: 'string', default: process.env['KAFKA_BROKERS'] ?? '' },
    } as const,
  })
  const { base, records, brokers } = values
  const cases = values.case.split(',')
  const [repeat, seconds] = [Number(values.repeat), Number(values.seconds)]
  return { base, cases, records, repeat, brokers, seconds }
}
