/** Runs in processes of their own: what one has compiled, cached or kept helps no other. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Again this program, with these flags after those given; what it prints goes through. */
export async function again(flags: readonly string[]): Promise<void> {
  const [script = '', ...args] = process.argv.slice(1)
  const command = [...process.execArgv, script, ...args, ...flags]
  const child = spawn(process.execPath, command, { stdio: 'inherit' })
  const stop = (): boolean => child.kill('SIGKILL')
  process.once('exit', stop)
  const [status, signal] = await once(child, 'exit')
  process.off('exit', stop)
  if (status !== 0) {
    throw new Error(`a process with ${flags.join(' ')} ended with ${signal ?? status}`)
  }
}
