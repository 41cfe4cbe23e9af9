/** Loaded into a process, it kills it at its nth request to a broker: in front of it, or behind. */
import { Socket } from 'node:net'
import { isMainThread } from 'node:worker_threads'

const [at = '0', side = 'before'] = (process.env['KILL_AT'] ?? '').split(' ')
let left = Number(at)
const plain = Socket.prototype.write

if (isMainThread && left > 0) {
  Socket.prototype.write = function write(...given) {
    // Standard output is a socket as well, if it is a pipe.
    if (this.remotePort === undefined || --left > 0) return plain.apply(this, given)
    if (side === 'before') process.kill(process.pid, 'SIGKILL')
    const written = plain.apply(this, given)
    // Its answer does not come to anybody.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20)
    this.pause()
    return written
  }
}
