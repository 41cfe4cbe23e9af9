/** What both pages have around them: the state, how fresh it is, and the question for a token. */
import { keepToken } from './api.mjs'
import { element, make, write } from './dom.mjs'
import { age, clock, moment, zone } from './formats.mjs'
import { dayMs } from './time.mjs'

const freshMs = 60_000
const names = {
  connecting: 'Connecting …',
  live: 'Live',
  polling: 'Polling',
  restoring: 'Restoring',
  stale: 'Stale',
  unavailable: 'Not ready',
  offline: 'Offline',
}

export class Shell {
  #link = 'connecting'
  #health
  #aheadMs = 0
  #answeredAt
  #isEmpty = false

  constructor() {
    write(element('zone'), `Times are local: ${zone()}.`)
    setInterval(() => this.#showFreshness(), 1_000)
  }

  /** The server's clock. */
  now() {
    return Date.now() + this.#aheadMs
  }

  link(link) {
    this.#link = link
    if (link !== 'offline') this.#answeredAt = Date.now()
    this.#show()
  }

  health(health) {
    this.#health = health
    this.#aheadMs = health.now - Date.now()
    this.#answeredAt = Date.now()
    this.#show()
    this.#showFreshness()
  }

  /** Whether there is nothing to show yet, and what to say of that. */
  empty(isEmpty) {
    if (isEmpty === this.#isEmpty) return
    this.#isEmpty = isEmpty
    this.#show()
  }

  /** Resolves once there is one. */
  askForToken() {
    const form = element('token')
    form.hidden = false
    return new Promise((resolve) => {
      form.onsubmit = (event) => {
        event.preventDefault()
        keepToken(element('token-text').value)
        form.hidden = true
        resolve()
      }
    })
  }

  get #state() {
    if (this.#link === 'offline' || this.#link === 'connecting') return this.#link
    const health = this.#health?.state ?? 'ready'
    return health === 'ready' ? this.#link : health
  }

  #show() {
    const state = this.#state
    const badge = element('state')
    if (badge.dataset.state !== state) {
      badge.dataset.state = state
      document.body.dataset.state = state
      write(badge, names[state])
    }
    const text = this.#explanation(state)
    const banner = element('banner')
    banner.hidden = text === ''
    banner.dataset.state = state
    write(banner, text)
  }

  #explanation(state) {
    const reasons = this.#health?.reasons.join(' ') ?? ''
    if (state === 'offline') {
      const since = this.#answeredAt === undefined ? '' : ` since ${clock(this.#answeredAt)}`
      const shown = 'What is shown is what was known then; trying again.'
      return `The server has not answered${since}. ${shown}`
    }
    if (state === 'restoring') {
      return `State is being restored: what is shown is from before. ${reasons}`.trim()
    }
    if (state === 'unavailable') return reasons
    if (this.#isEmpty && state !== 'connecting') {
      return 'No window has closed yet. The first numbers come some minutes after the first event.'
    }
    if (state === 'stale') {
      return 'No window has closed for longer than it should take: what is shown is old.'
    }
    return ''
  }

  #showFreshness() {
    const badge = element('freshness')
    const lastEventAt = this.#health?.lastEventAt ?? null
    if (lastEventAt === null) {
      badge.dataset.fresh = 'unknown'
      return write(badge, 'no events yet')
    }
    const ms = Math.max(0, this.now() - lastEventAt)
    badge.dataset.fresh = ms < freshMs ? 'fresh' : 'old'
    badge.title = moment(lastEventAt)
    const text = ms < 30 * dayMs ? `last event ${age(ms)} ago` : `last event ${moment(lastEventAt)}`
    write(badge, text)
  }
}

/** A button that shows what it is about, and hides it again; Escape does, too. */
export function disclosure(label, panel) {
  const button = make('button', {
    type: 'button',
    className: 'info',
    textContent: 'i',
    'aria-label': label,
    'aria-expanded': 'false',
    'aria-controls': panel.id,
  })
  const show = (isShown) => {
    panel.hidden = !isShown
    button.setAttribute('aria-expanded', String(isShown))
  }
  panel.hidden = true
  button.addEventListener('click', () => show(panel.hidden))
  for (const place of [button, panel]) {
    place.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || panel.hidden) return
      show(false)
      button.focus()
    })
  }
  return button
}
