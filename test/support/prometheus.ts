/**
 * The real Prometheus and its promtool: those of the machine, or Debian's package unpacked into a
 * cache, without installing it.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './app-process.ts'

const run = promisify(execFile)

export interface PrometheusPrograms {
  readonly prometheus: string
  readonly promtool: string
}

/** Undefined where there is none to be had; why is printed. */
export async function prometheusPrograms(): Promise<PrometheusPrograms | undefined> {
  for (const directory of ['/usr/bin', '/usr/local/bin', join(cache(), 'usr', 'bin')]) {
    const programs = programsIn(directory)
    if (existsSync(programs.promtool) && existsSync(programs.prometheus)) return programs
  }
  try {
    await unpack()
    return programsIn(join(cache(), 'usr', 'bin'))
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim() : String(error)
    console.warn(`SKIPPED: no Prometheus here (Debian: apt-get install prometheus): ${reason}`)
    return undefined
  }
}

export interface ToolResult {
  readonly status: number
  /** Of both streams. */
  readonly output: string
}

/** Runs promtool to its end, whatever that is. */
export async function promtool(
  { promtool }: PrometheusPrograms,
  args: readonly string[],
  input = ''
): Promise<ToolResult> {
  const child = spawn(promtool, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk))
  child.stdin.end(input)
  const [status] = (await once(child, 'close')) as [number]
  return { status, output }
}

/** What `promtool check metrics` finds wrong: one line each. */
export async function lint(programs: PrometheusPrograms, text: string): Promise<string[]> {
  const { status, output } = await promtool(programs, ['check', 'metrics'], text)
  const lines = output.split('\n').filter((line) => line !== '')
  if (status !== 0 && lines.length === 0) return [`promtool ended with ${status}`]
  return lines
}

export interface RunningPrometheus {
  /** The values of an instant query, by their labels; none if it does not answer, or refuses. */
  query(expression: string): Promise<readonly { metric: Record<string, string>; value: number }[]>
  /** What is wrong with a query; undefined if it is answered. */
  fault(expression: string): Promise<string | undefined>
  /** Every rule by its name, and what evaluating it has come to: `ok`, or the error. */
  rules(): Promise<readonly { readonly name: string; readonly health: string }[]>
  stop(): Promise<void>
}

export interface PrometheusOptions {
  readonly job?: string
  /** Paths of files with rules, which are evaluated every second. */
  readonly ruleFiles?: readonly string[]
  /** What was scraped before it starts, in the text format of OpenMetrics. */
  readonly history?: string
}

/** Scrapes `target` (`host:port`) every second. */
export async function startPrometheus(
  programs: PrometheusPrograms,
  target: string,
  { job: job_name = 'shop', ruleFiles = [], history }: PrometheusOptions = {}
): Promise<RunningPrometheus> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-prometheus-'))
  const [config, data] = [join(directory, 'prometheus.yml'), join(directory, 'data')]
  const job = { job_name, scrape_interval: '1s', static_configs: [{ targets: [target] }] }
  const global = { evaluation_interval: '1s' }
  await writeFile(config, JSON.stringify({ global, rule_files: ruleFiles, scrape_configs: [job] }))
  if (history !== undefined) await backfill(programs, history, directory, data)
  const port = await freePort()
  const child = spawn(
    programs.prometheus,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' }
  )
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
  const query = (expression: string) => ask(`query?query=${encodeURIComponent(expression)}`)
  return {
    query: async (expression) => {
      const response = await query(expression).catch(() => undefined)
      if (response?.ok !== true) return []
      const { data } = (await response.json()) as Answer
      return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
    fault: async (expression) => {
      const response = await query(expression)
      return response.ok ? undefined : await response.text()
    },
    rules: async () => {
      const { data } = (await (await ask('rules')).json()) as RulesAnswer
      const rules = data.groups.flatMap((group) => group.rules)
      return rules.map(({ name, health, lastError }) => ({ name, health: lastError ?? health }))
    },
    stop: async () => {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      if (child.exitCode === null) await exit
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function backfill(
  programs: PrometheusPrograms,
  history: string,
  directory: string,
  data: string
): Promise<void> {
  const file = join(directory, 'history.txt')
  await writeFile(file, history)
  const args = ['tsdb', 'create-blocks-from', 'openmetrics', file, data]
  const { status, output } = await promtool(programs, args)
  if (status !== 0) throw new Error(`promtool cannot make blocks of the history: ${output}`)
}

interface Answer {
  readonly data: {
    readonly result: readonly { metric: Record<string, string>; value: readonly [number, string] }[]
  }
}

interface RulesAnswer {
  readonly data: {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly name: string
        readonly health: string
        readonly lastError?: string
      }[]
    }[]
  }
}

function programsIn(directory: string): PrometheusPrograms {
  return { prometheus: join(directory, 'prometheus'), promtool: join(directory, 'promtool') }
}

function cache(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return join(base, 'millrace', 'prometheus')
}

/** Beside, then renamed: whoever comes second finds it there. */
async function unpack(): Promise<void> {
  await mkdir(join(cache(), '..'), { recursive: true })
  const beside = await mkdtemp(`${cache()}-`)
  try {
    await run('apt-get', ['download', 'prometheus'], { cwd: beside })
    const [archive = ''] = (await readdir(beside)).filter((name) => name.endsWith('.deb'))
    await run('dpkg', ['-x', join(beside, archive), join(beside, 'root')])
    await rename(join(beside, 'root'), cache()).catch((error: unknown) => {
      if (!existsSync(programsIn(join(cache(), 'usr', 'bin')).promtool)) throw error
    })
  } finally {
    await rm(beside, { recursive: true, force: true })
  }
}
