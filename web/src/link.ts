// An address that restores a view: `#weigh/STUDY`, the study packed and written in letters that an address may hold.

const packed = (stream: ReadableStream<Uint8Array>) => new Response(stream).arrayBuffer();

/// A text, packed.
export async function pack(text: string): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await packed(stream as ReadableStream<Uint8Array>));
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/// Longest text of a link, as of a request.
const LONGEST = 1 << 20;

/// The text that was packed, or nothing where it is none.
export async function unpack(letters: string): Promise<string | undefined> {
  try {
    const bytes = Uint8Array.from(atob(letters.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
    const parts: BlobPart[] = [];
    let size = 0;
    // A small link may unpack to a great deal: it is read piece by piece.
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return await new Blob(parts).text();
      size += value.length;
      if (size > LONGEST) return undefined;
      parts.push(value as BlobPart);
    }
  } catch {
    return undefined;
  }
}
