/** Commands as their users type them, in this process; `binary` is the process of their own. */
import { fileURLToPath } from 'node:url'
import { runProgram } from '../../src/cli/program.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What package.json names. */
export const binary = `${root}bin/millrace.mjs`

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** As if the output was a terminal. */
  readonly isTerminal?: boolean
}

export interface Ended {
  readonly status: number
  readonly out: string
  readonly err: string
}

export async function command(
  args: readonly string[],
  { env = {}, input = '', isTerminal = false }: CommandOptions = {}
): Promise<Ended> {
  let [out, err] = ['', '']
  const status = await runProgram(args, {
    env,
    directory: root,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    isColoured: isTerminal && env['NO_COLOR'] === undefined,
    isLive: isTerminal,
    input: async function* () {
      yield Buffer.from(input)
    },
  })
  return { status, out, err }
}

/** The JSON that a command prints; throws unless it ends with this status. */
export async function json<T>(
  args: readonly string[],
  options: CommandOptions & { readonly status?: number } = {}
): Promise<T> {
  const { status, out, err } = await command([...args, '--json'], options)
  if (status !== (options.status ?? 0)) throw new Error(`status ${status}\n${out}${err}`)
  return JSON.parse(out) as T
}
