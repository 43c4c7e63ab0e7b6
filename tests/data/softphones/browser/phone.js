// A softphone on JsSIP in a browser, steered by its page's server: it fetches orders from there, one by one,
// and tells there what happens, a line each. Settings: user, password, domain, server ("ws://…"), instance.

function read(path) {
  const request = new XMLHttpRequest();
  request.open("GET", path, false);
  request.send();
  return request.status === 200 ? request.responseText : null;
}

const loaded = new Map();

// The file that a CommonJS module names, as Node.js looks for it in browsers' packages.
function locate(name, from) {
  if (name.startsWith(".")) {
    return new URL(name, new URL(from, location)).pathname;
  }
  const folder = `/node_modules/${name}/`;
  const about = JSON.parse(read(`${folder}package.json`));
  const main = typeof about.browser === "string" ? about.browser : about.main;
  return new URL(main, new URL(folder, location)).pathname;
}

function require(name, from) {
  const place = locate(name, from);
  const tries = /\.js(on)?$/.test(place) ? [place] : [`${place}.js`, `${place.replace(/\/$/, "")}/index.js`];
  for (const path of tries) {
    if (loaded.has(path)) {
      return loaded.get(path).exports;
    }
    const text = read(path);
    if (text === null) {
      continue;
    }
    const module = { exports: {} };
    loaded.set(path, module);
    if (path.endsWith(".json")) {
      module.exports = JSON.parse(text);
    } else {
      const body = new Function("require", "module", "exports", `${text}\n//# sourceURL=${path}`);
      body((wanted) => require(wanted, path), module, module.exports);
    }
    return module.exports;
  }
  throw new Error(`${name} of ${from} is not there`);
}

// In their order, since each waits for the one before.
let telling = Promise.resolve();
function tell(...words) {
  const body = words.join(" ");
  telling = telling.then(() => fetch("/said", { method: "POST", body }));
}

let call = null;

function rung(event) {
  call = event.session;
  const from = event.request.from;
  tell(event.originator === "remote" ? "rung" : "calling", from.uri.user, from.display_name);
  for (const what of ["progress", "accepted", "confirmed", "ended", "failed"]) {
    call.on(what, (data) => tell(what, data.cause ?? ""));
  }
}

// Each message as it goes over the wire.
function listenIn(socket) {
  const send = socket.send.bind(socket);
  socket.send = (message) => {
    tell("sent", JSON.stringify(String(message)));
    return send(message);
  };
  let taken = null;
  Object.defineProperty(socket, "ondata", {
    get: () => (message) => {
      tell("received", JSON.stringify(String(message)));
      taken(message);
    },
    set: (take) => (taken = take),
  });
}

function start(settings) {
  const JsSIP = require("jssip", "/");
  const socket = new JsSIP.WebSocketInterface(settings.server);
  listenIn(socket);
  const phone = new JsSIP.UA({
    sockets: [socket],
    uri: `sip:${settings.user}@${settings.domain}`,
    password: settings.password,
    instance_id: settings.instance,
    register_expires: 600,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 2,
  });
  for (const what of ["connected", "disconnected", "registered", "unregistered", "registrationFailed"]) {
    phone.on(what, (data) => tell(what, data?.cause ?? ""));
  }
  phone.on("newRTCSession", rung);
  phone.start();
  return phone;
}

const phone = start(JSON.parse(read("/settings")));
const orders = {
  answer: () => call.answer({ mediaConstraints: { audio: true, video: false } }),
  reject: () => call.terminate({ status_code: 486 }),
  hangup: () => call.terminate(),
  dial: (number) => phone.call(number, { mediaConstraints: { audio: true, video: false } }),
  unregister: () => phone.unregister(),
  reload: () => location.reload(),
  leave: () => location.replace("gone.html"),
};

for (;;) {
  const response = await fetch("/order");
  if (response.status === 200) {
    const [order, ...rest] = (await response.text()).split(" ");
    orders[order](...rest);
    if (order === "reload" || order === "leave") {
      break; // The next order is not for this page.
    }
  }
}
