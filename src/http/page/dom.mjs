/** Elements, briefly. */

const svgSpace = 'http://www.w3.org/2000/svg'

/** @returns {HTMLElement} the element with this id, which the page has */
export function element(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`The page has no #${id}`)
  return found
}

/** Properties are those of the element, and `aria-`, `data-` and `role` its attributes. */
export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (/^(aria-|data-|role$)/.test(name)) made.setAttribute(name, String(value))
    else made[name] = value
  }
  made.append(...children)
  return made
}

export function draw(tag, attributes = {}, ...children) {
  const made = document.createElementNS(svgSpace, tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value))
  made.append(...children)
  return made
}

/** Sets the text only if it is another one: what has not changed is not read out again. */
export function write(place, text) {
  if (place.textContent !== text) place.textContent = text
}
