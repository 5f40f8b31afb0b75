import { render } from "solid-js/web";
import { App } from "./app";
import "./style.css";

const place = document.getElementById("app");
if (place) render(() => <App />, place);
