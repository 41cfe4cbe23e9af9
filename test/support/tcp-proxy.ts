/** A proxy in front of a broker that swallows answers or cuts connections when it is told to. */
import { once } from 'node:events'
import net from 'node:net'

export class TcpProxy {
  readonly #server: net.Server
  readonly #pairs = new Set<readonly [net.Socket, net.Socket]>()
  #isSwallowing = false
  #accepted = 0

  private constructor(server: net.Server) {
    this.#server = server
  }

  static async to(address: string): Promise<TcpProxy> {
    const [host = '', port] = address.split(':')
    const server = net.createServer()
    const proxy = new TcpProxy(server)
    server.on('connection', (client) => proxy.#join(client, net.connect(Number(port), host)))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`
  }

  /** Connections so far. */
  get accepted(): number {
    return this.#accepted
  }

  /** Connections that are open. */
  get open(): number {
    return this.#pairs.size
  }

  /** From now on answers vanish, although the broker gets every request. */
  swallow(isSwallowing: boolean): void {
    this.#isSwallowing = isSwallowing
  }

  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  #join(client: net.Socket, broker: net.Socket): void {
    const pair = [client, broker] as const
    this.#accepted++
    this.#pairs.add(pair)
    client.on('data', (bytes) => broker.write(bytes))
    broker.on('data', (bytes) => {
      if (!this.#isSwallowing) client.write(bytes)
    })
    for (const socket of pair) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#pairs.delete(pair)
        for (const one of pair) one.destroy()
      })
    }
  }
}
