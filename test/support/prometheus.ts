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
  /** The values of an instant query, by their labels. */
  query(expression: string): Promise<readonly { metric: Record<string, string>; value: number }[]>
  stop(): Promise<void>
}

/** Scrapes `target` (`host:port`) every second. */
export async function startPrometheus(
  { prometheus }: PrometheusPrograms,
  target: string
): Promise<RunningPrometheus> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-prometheus-'))
  const config = join(directory, 'prometheus.yml')
  const job = { job_name: 'shop', scrape_interval: '1s', static_configs: [{ targets: [target] }] }
  await writeFile(config, JSON.stringify({ scrape_configs: [job] }))
  const port = await freePort()
  const child = spawn(
    prometheus,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' }
  )
  return {
    query: async (expression) => {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`
      const response = await fetch(url).catch(() => undefined)
      if (response?.ok !== true) return []
      const { data } = (await response.json()) as Answer
      return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
    stop: async () => {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      if (child.exitCode === null) await exit
      await rm(directory, { recursive: true, force: true })
    },
  }
}

interface Answer {
  readonly data: {
    readonly result: readonly { metric: Record<string, string>; value: readonly [number, string] }[]
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
