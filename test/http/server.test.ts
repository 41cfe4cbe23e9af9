/** The server on a port, spoken to in bytes. */
import { Hono } from 'hono'
import { expect, it } from 'vitest'
import { listen } from '../../src/http/server.ts'
import { answersIn, exchange } from '../support/raw-http.ts'

it('tells a pipelined request to go on when its turn has come, not amid an answer', async () => {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const app = new Hono()
  app.get('/slow', async (context) => {
    await released
    return context.text('slow')
  })
  app.post('/body', async (context) => context.text(await context.req.text()))
  app.get('/quick', (context) => {
    setTimeout(release, 20)
    return context.text('quick')
  })
  const server = await listen({ app }, '127.0.0.1', 0)
  try {
    const host = 'HTTP/1.1\r\nHost: shop\r\n'
    const text = [
      `GET /slow ${host}\r\n`,
      `POST /body ${host}Expect: 100-continue\r\nContent-Length: 4\r\n\r\nbody`,
      `GET /quick ${host}Connection: close\r\n\r\n`,
    ].join('')
    const bytes = await exchange(Number(new URL(server.url).port), {
      parts: [Buffer.from(text)],
      end: 'wait',
    })
    const told = answersIn(bytes).map(({ status, body }) => [status, body.toString()])
    expect(told).toEqual([
      [200, 'slow'],
      [200, 'body'],
      [200, 'quick'],
    ])
    expect(bytes.toString('latin1').match(/HTTP\/1\.1 \d+/g)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 100',
      'HTTP/1.1 200',
      'HTTP/1.1 200',
    ])
  } finally {
    await server.close()
  }
})
