/** Processes of the application of a live case, ours or another's, and what they take. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ticksASecond = 100
const closeMs = 20_000
const ourApp = [process.execPath, fileURLToPath(new URL('./app.js', import.meta.url))]

export class Instances {
  readonly #command: readonly string[]
  readonly #settings: Readonly<Record<string, string>>
  readonly #running: { readonly child: ChildProcess; readonly state: string }[] = []

  /** The command: of another's application; empty for ours. */
  constructor(command: readonly string[], settings: Readonly<Record<string, string>>) {
    this.#command = command.length === 0 ? ourApp : command
    this.#settings = settings
  }

  async start(): Promise<ChildProcess> {
    const state = await mkdtemp(join(tmpdir(), 'millrace-live-'))
    const [program = '', ...args] = this.#command
    const env = { ...process.env, ...this.#settings, STATE_DIR: state }
    const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
    process.once('exit', () => child.kill('SIGKILL'))
    this.#running.push({ child, state })
    return child
  }

  /** Throws if one has ended that was not told to. */
  expectAlive(): void {
    for (const { child } of this.#running) {
      if (child.exitCode !== null) throw new Error(`an application ended with ${child.exitCode}`)
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#running.map(async ({ child, state }) => {
        if (child.exitCode === null && child.signalCode === null) {
          const exit = once(child, 'exit')
          child.kill('SIGTERM')
          const late = setTimeout(() => child.kill('SIGKILL'), closeMs)
          await exit
          clearTimeout(late)
        }
        await rm(state, { recursive: true, force: true })
      })
    )
  }
}

/** SIGKILL, and gone. */
export async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

/** CPU of all threads so far; NaN where there is no /proc. */
export function cpuSecondsOf({ pid }: ChildProcess): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / ticksASecond
  } catch {
    return Number.NaN
  }
}

/** The greatest resident size so far; NaN where there is no /proc. */
export function peakMbOf({ pid }: ChildProcess): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1_024
  } catch {
    return Number.NaN
  }
}
