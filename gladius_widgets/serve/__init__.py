"""The web server of `gladius serve`: Voila, cut down to our own pages.

What is protected:

- It listens on the loopback address unless told otherwise.
- Every request needs the token of the home (a file that only its owner can read) or the cookie
  that the first visit with the token sets; the cookie is HttpOnly and SameSite=Strict. This holds
  for static files and websockets too.
- A request that names another host than ours is refused (DNS rebinding), and so is a websocket or
  a form that another site's page sends (its Origin is not ours).
- Only the page notebooks named in `notebooks.PAGES` run. No other file is served, listed or run,
  and a page cannot send code to its kernel: only widget messages pass.
- The token never reaches a kernel, a trainer, a log line or the browser's history.
- Who has not shown the token holds few connections, briefly, and sends no body (`limits.py`).
- The number of pages open at once is capped, and a kernel that nobody looks at is ended.
- Pages load nothing from other sites, and a content security policy holds them to that.

What is not:

- Whoever has the token may do all that the pages offer: submit, stop and cancel jobs. There is one
  token and no user accounts.
- The traffic is plain HTTP. From another machine, use an SSH tunnel (`ssh -L 8866:localhost:8866`)
  or a proxy that speaks TLS, not `--host 0.0.0.0`.
- Programs of the same user can read the token and the run directories: they need no server for it.
- The same notebooks under JupyterLab, or Voila as an extension of a Jupyter server, are guarded by
  that server alone, and its token is a shell.
"""
