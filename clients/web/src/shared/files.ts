/** Photos that are made smaller and sent with progress, and papers that are saved. */
import { must, newKey, Refused, type Problem } from "./api.ts";
import { chosenLanguage } from "./preferences.ts";
import { refreshMe } from "./session.ts";

const LONGEST_SIDE = 1600;
const QUALITY = 0.82;

/** A photo as a JPEG of at most 1,600 pixels a side: some hundred kilobytes instead of several megabytes. */
export async function shrink(file: Blob): Promise<Blob> {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  const small = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  if (!small) throw new Error("this browser cannot write JPEG");
  return small;
}

/** Sends a file and tells how much of it has left, from 0 to 1. Throws `Refused` as other requests do. */
export async function upload<T>(path: string, body: Blob, told: (share: number) => void = () => {}, key = newKey()): Promise<T> {
  // Only `fetch` renews a session; so it is renewed before the long request.
  await refreshMe();
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Content-Type", body.type);
    request.setRequestHeader("Accept-Language", chosenLanguage());
    request.setRequestHeader("Idempotency-Key", key);
    request.upload.onprogress = (now) => told(now.loaded / now.total);
    request.onerror = () => failed(new TypeError("the network is away"));
    request.onload = () => {
      const answer: unknown = JSON.parse(request.responseText || "null");
      if (request.status < 400) done(answer as T);
      else failed(new Refused(answer as Problem));
    };
    request.send(body);
  });
}

/** Saves a paper that the API printed; the phone opens it from there. */
export async function savePaper(answer: Parameters<typeof must<Blob>>[0], name: string): Promise<void> {
  const paper = await must(answer);
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(paper);
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000);
}
