/** The application as its users run it: a process of its own, killed as a group. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface AppEnvironment {
  readonly STATE_DIR: string
  readonly HTTP_PORT: string
  readonly [name: string]: string
}

export interface AppProcessOptions {
  /** Default: the shop metrics processor. */
  readonly script?: string
  /** Is given all that it prints. */
  readonly onOutput?: (text: string) => void
  /** It has ended without being told to. */
  readonly onEnd?: () => void
}

export class AppProcess {
  readonly url: string
  readonly #environment: AppEnvironment
  readonly #options: AppProcessOptions
  #child: ChildProcess | undefined
  #output = ''

  constructor(environment: AppEnvironment, options: AppProcessOptions = {}) {
    this.#environment = environment
    this.#options = options
    this.url = `http://127.0.0.1:${environment.HTTP_PORT}`
  }

  /** What the present process has printed. */
  get output(): string {
    return this.#output
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && !this.#child.killed
  }

  start(): void {
    const { script = 'dist/src/main.js', onOutput, onEnd } = this.#options
    this.#output = ''
    const child = spawn(process.execPath, [script], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'info', ...this.#environment },
    })
    const keep = (text: Buffer): void => {
      this.#output = `${this.#output}${text}`.slice(-20_000)
      onOutput?.(String(text))
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const killOnExit = (): void => this.#signal('SIGKILL')
    process.once('exit', killOnExit)
    child.once('exit', () => {
      process.off('exit', killOnExit)
      if (this.#child === child) onEnd?.()
    })
    this.#child = child
  }

  /** SIGSTOP and SIGCONT. */
  pause(): void {
    this.#signal('SIGSTOP')
  }

  resume(): void {
    this.#signal('SIGCONT')
  }

  async ready(timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    while (Date.now() < deadline) {
      if (this.#child?.exitCode !== null) break
      const answer = await fetch(`${this.url}/readyz`).catch(() => undefined)
      await answer?.arrayBuffer()
      if (answer?.status === 200) return
      await sleep(50)
    }
    throw new Error(`The application did not become ready:\n${this.#output}`)
  }

  /** Its status once it ends by itself; rejects with its output if that takes too long. */
  async ended(timeoutMs: number): Promise<number | null> {
    const child = this.#child
    if (child === undefined) throw new Error('The application was not started')
    const signal = AbortSignal.timeout(timeoutMs)
    const exit = child.exitCode === null ? once(child, 'close', { signal }) : undefined
    await exit?.catch(() => {
      throw new Error(`The application did not end in ${timeoutMs} ms:\n${this.#output}`)
    })
    return child.exitCode
  }

  /** SIGKILL to the whole process group. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** SIGTERM to the process; answers with its status and how long it took. */
  async stop(): Promise<{ readonly status: number | null; readonly ms: number }> {
    const from = Date.now()
    const status = await this.#end('SIGTERM')
    return { status, ms: Date.now() - from }
  }

  #signal(signal: NodeJS.Signals): void {
    const child = this.#child
    if (child !== undefined && !isOver(child)) process.kill(-(child.pid ?? 0), signal)
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child
    this.#child = undefined
    if (child?.pid === undefined || isOver(child)) return child?.exitCode ?? null
    // Not 'exit': what it has printed last comes in until then.
    const closed = once(child, 'close')
    process.kill(-child.pid, signal)
    await closed
    return child.exitCode
  }
}

function isOver(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
