/** Processes of a comparison: what they print last, and that none outlives us. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

export type Fields = Readonly<Record<string, unknown>>

export interface Ended {
  /** The last line that is a JSON object. */
  readonly line: Fields | undefined
  readonly ok: boolean
}

export interface RunOptions {
  /** The build to run. Default: this clone's. */
  readonly dist?: string
  /** After which it is killed. */
  readonly limitMs?: number
  /** What it prints goes through. */
  readonly echoes?: boolean
}

/** The longest that a timer takes. */
const limitMsMax = 2 ** 31 - 1
const built = fileURLToPath(new URL('../../dist', import.meta.url))

/** `dist/bench/main.js` with these flags, of this clone or of another build. */
export function millrace(flags: readonly string[], how: RunOptions = {}): Promise<Ended> {
  return runToEnd([process.execPath, `${how.dist ?? built}/bench/main.js`, ...flags], how)
}

/** What it says on stderr goes through. */
export async function runToEnd(
  command: readonly string[],
  { limitMs = limitMsMax, echoes = false }: RunOptions = {}
): Promise<Ended> {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child)
  const exit = once(child, 'exit')
  const limit = setTimeout(() => child.kill('SIGKILL'), Math.max(1, limitMs))
  let line: Fields | undefined
  for await (const text of createInterface({ input: child.stdout })) {
    if (echoes) console.log(text)
    line = fieldsOf(text) ?? line
  }
  const [status] = await exit
  clearTimeout(limit)
  children.delete(child)
  return { line, ok: status === 0 }
}

function fieldsOf(text: string): Fields | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as Fields
  } catch {
    return undefined
  }
}
