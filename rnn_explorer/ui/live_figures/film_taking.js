// Has the server make a film, and saves it. The answer is lines of JSON, how far it has come; the last names the file,
// which follows.

/**
 * Lines of JSON, and what is behind the one that has a name.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {(share: number) => void} progress
 * @returns {Promise<{ name: string, content: Uint8Array<ArrayBuffer>[] }>}
 */
export async function read(stream, progress) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const content = [];
  let name = "";
  let size = 0;
  let line = new Uint8Array();
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    let rest = new Uint8Array(next.value);
    while (!name && rest.length) {
      const end = rest.indexOf(10);
      line = new Uint8Array([...line, ...(end < 0 ? rest : rest.subarray(0, end))]);
      rest = end < 0 ? new Uint8Array() : rest.subarray(end + 1);
      if (end < 0) break;
      const said = JSON.parse(new TextDecoder().decode(line));
      line = new Uint8Array();
      if (said.error) throw new Error(said.error);
      if (said.share !== undefined) progress(said.share);
      if (said.name) ({ name, size } = said);
    }
    if (name && rest.length) content.push(rest);
  }
  if (!name || content.reduce((sum, part) => sum + part.length, 0) !== size) throw new Error("The film did not come whole. Try again.");
  return { name, content };
}

/**
 * @param {string} address
 * @param {(share: number) => void} progress
 * @param {AbortSignal} signal
 */
export async function takeFilm(address, progress, signal) {
  const answer = await fetch(address, { signal });
  if (!answer.ok || !answer.body) throw new Error(await answer.text());
  const { name, content } = await read(answer.body, progress);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(content, { type: "text/html" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
