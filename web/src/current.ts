// The study that views share: what was weighed last.

import { createSignal } from "solid-js";

const [current, setCurrent] = createSignal<string>();
export { current, setCurrent };
