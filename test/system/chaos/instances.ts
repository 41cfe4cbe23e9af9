/**
 * The processes under test: the program of payments and the shop metrics processor, each instance
 * with a log file and a state directory of its own, killed, restarted and suspended on demand.
 */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import ts from 'typescript'
import { AppProcess, freePort } from '../../support/app-process.ts'
import type { AppName, InstanceFault } from './schedule.ts'

export interface InstancesOptions {
  readonly root: string
  /** For logs and state. */
  readonly directory: string
  readonly brokers: string
  /** Application ids, by name. */
  readonly ids: Readonly<Record<AppName, string>>
  readonly instances: Readonly<Record<AppName, number>>
  readonly sessionMs: Readonly<Record<AppName, number>>
  /** Of each instance, that run tasks. */
  readonly threads: number
}

/** What the log of an instance says when state that was there is not used. */
const wipeLine = /is (damaged|rebuilt)|will be rebuilt/

export class Instance {
  readonly app: AppName
  readonly index: number
  readonly process: AppProcess
  readonly logFile: string
  /** Log lines that tell of state that was thrown away. */
  readonly wipes: string[] = []
  /** How often it ended by itself. */
  ends = 0
  #rest = ''

  constructor(
    app: AppName,
    index: number,
    logFile: string,
    script: string,
    environment: Readonly<Record<string, string>> & { STATE_DIR: string; HTTP_PORT: string }
  ) {
    this.app = app
    this.index = index
    this.logFile = logFile
    this.process = new AppProcess(environment, {
      script,
      onOutput: (text) => this.#take(text),
      onEnd: () => {
        this.ends += 1
        this.#take('-- it ended by itself, and is started again\n')
        setTimeout(() => this.process.start(), 1_000)
      },
    })
  }

  get name(): string {
    return `${this.app}-${this.index}`
  }

  /** Why it is not well; empty: it is. */
  async complaint(): Promise<string> {
    const { url } = this.process
    try {
      const signal = AbortSignal.timeout(2_000)
      const ready = await fetch(`${url}/readyz`, { signal })
      const text = await ready.text()
      if (ready.status !== 200) return `not ready: ${text.slice(0, 300)}`
      const status = await fetch(`${url}/api/status`, { signal })
      const { tasks } = (await status.json()) as { tasks: readonly unknown[] }
      return tasks.length > 0 ? '' : 'it has no task'
    } catch (error) {
      return `no answer: ${String(error)}`
    }
  }

  /** Resident, in MB; undefined: it does not run, or this is not Linux. */
  residentMb(): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.process.pid}/status`, 'utf8')
      const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(status) ?? []
      return kb === undefined ? undefined : Number(kb) / 1_024
    } catch {
      return undefined
    }
  }

  #take(text: string): void {
    appendFileSync(this.logFile, text)
    const lines = `${this.#rest}${text}`.split('\n')
    this.#rest = lines.pop() ?? ''
    this.wipes.push(...lines.filter((line) => wipeLine.test(line)))
  }
}

export class Instances {
  readonly all: readonly Instance[]

  static async start(options: InstancesOptions): Promise<Instances> {
    const program = compileProgram(options.root)
    const makers = (['payments', 'shop'] as const).flatMap((app) =>
      Array.from({ length: options.instances[app] }, (_, index) => makeInstance(app, index))
    )
    const all = await Promise.all(makers.map((make) => make(options, program)))
    for (const { process } of all) process.start()
    return new Instances(all)
  }

  private constructor(all: readonly Instance[]) {
    this.all = all
  }

  /** Resolves when it runs again. */
  async suffer({ kind, app, instance, ms }: InstanceFault): Promise<void> {
    const found = this.all.find((one) => one.app === app && one.index === instance)
    if (found === undefined) throw new Error(`no instance ${instance} of ${app}`)
    const { process } = found
    if (kind === 'suspend') process.pause()
    else if (kind === 'kill') await process.kill()
    else await process.stop()
    await sleep(ms)
    if (kind === 'suspend') process.resume()
    else process.start()
  }

  async kill(): Promise<void> {
    await Promise.all(this.all.map(({ process }) => process.kill()))
  }
}

function makeInstance(app: AppName, index: number) {
  return async (options: InstancesOptions, program: string): Promise<Instance> => {
    const { directory, brokers, ids, sessionMs, threads } = options
    const id = ids[app]
    const logFile = join(directory, `${app}-${index}.log`)
    writeFileSync(logFile, '')
    const script = app === 'payments' ? program : 'dist/src/main.js'
    return new Instance(app, index, logFile, script, {
      APPLICATION_ID: id,
      KAFKA_BROKERS: brokers,
      STATE_DIR: join(directory, 'state', `${app}-${index}`),
      HTTP_PORT: String(await freePort()),
      SESSION_MS: String(sessionMs[app]),
      EVENTS_TOPIC: `${id}.events`,
      METRICS_TOPIC: `${id}.metrics`,
      IDLE_AFTER: 'off',
      THREADS: String(threads),
    })
  }
}

/** Inside the package, so that it finds `millrace` as its users do. */
function compileProgram(root: string): string {
  const directory = join(root, '.build', 'chaos', String(process.pid))
  mkdirSync(directory, { recursive: true })
  for (const name of ['program', 'payments']) {
    const source = readFileSync(join(root, `test/system/chaos/${name}.ts`), 'utf8')
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        rewriteRelativeImportExtensions: true,
      },
    })
    writeFileSync(join(directory, `${name}.js`), outputText)
  }
  return join(directory, 'program.js')
}
