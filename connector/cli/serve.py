"""The processes: the web server, the worker, the simulator; and their preparation."""

from __future__ import annotations

from functools import partial

import click

from connector.cli.options import WholeNumber
from connector.cli.output import load_settings, services
from connector.cli.progress import INTERRUPTED, ending_between_steps, progress, stoppable
from connector.loading import loading
from connector.process.metrics_directory import shared_by


@click.command()
@click.option("--dev", is_flag=True, help="Trust the development issuer (`connector token`), and http to loopback.")
@click.option("--force-dev", is_flag=True, help="Accept --dev on a reachable host, and beside issuers.")
@click.option("--host", help="The address to listen on, instead of the setting.")
@click.option("--port", type=WholeNumber(1, 65535), help="The port to listen on, instead of the setting.")
@click.pass_context
def serve(context: click.Context, dev: bool, force_dev: bool, host: str | None, port: int | None) -> None:
    """Serve the APIs with gunicorn."""
    with loading():
        from connector.access.development import check_development  # noqa: PLC0415
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    loopback = {"allow_http_loopback": True} if dev else {}
    read = partial(load_settings, context, dev=dev, **given, **loopback)
    settings = read()
    if dev and not force_dev:
        check_development(settings)
    with shared_by(settings.workers):
        with loading():
            from connector.server import run  # noqa: PLC0415
        run(read)


@click.command()
@click.option(
    "--port", type=WholeNumber(0, 65535), help="The port for health and metrics, instead of `worker_port`; 0: none."
)
@click.pass_context
def worker(context: click.Context, port: int | None) -> None:
    """Deliver the outbox and check open runs, until stopped."""
    with loading():
        from connector.worker import run  # noqa: PLC0415
    run(partial(load_settings, context, **{} if port is None else {"worker_port": port}))


@click.command("rotate-keys")
@click.pass_context
def rotate_keys(context: click.Context) -> None:
    """Encrypt everything with the first of the encryption keys; the others can be removed afterwards.

    The connector may run meanwhile. Run the command again to continue an interrupted run.
    """
    with services(context) as opened:
        rotation, done = opened.key_rotation, 0
        total = rotation.count_outdated()
        with stoppable() as stop, progress(total, "values") as advance:
            for number in stop.until(rotation.run()):
                advance(number)
                done += number
    if stop.is_asked_for and done < total:
        click.echo(f"Interrupted: {done:,} of {total:,} values are done. Run it again to continue.", err=True)
        context.exit(INTERRUPTED)
    click.echo("Everything is encrypted with the first key.")


@click.command()
@click.pass_context
def migrate(context: click.Context) -> None:
    """Migrate the database to this version's schema."""
    from connector.bootstrap.ground import open_database  # noqa: PLC0415

    database = open_database(load_settings(context))
    try:
        database.migrate()
    finally:
        database.close()
    click.echo("The database is up to date.")


@click.command()
@click.option("--once", is_flag=True, help="End after the verification.")
def demo(once: bool) -> None:
    """Show a complete verification with a simulated Onfido, then keep running for experiments until Ctrl-C."""
    with ending_between_steps() as stop:
        from connector.cli.demo import perform  # noqa: PLC0415

        perform(stop, once=once)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8090, show_default=True, type=WholeNumber(1, 65535), help="The port to listen on.")
@click.option("--name", "names", multiple=True, help="An additional host name, besides loopback and --host.")
def simulate(host: str, port: int, names: tuple[str, ...]) -> None:
    """Run a local Onfido, for development: nothing is checked and nothing leaves this machine."""
    from connector.process.listening import take_port  # noqa: PLC0415
    from connector.simulator import server  # noqa: PLC0415
    from connector.simulator.faults import HEALTHY  # noqa: PLC0415

    take_port(host, port, "Choose another with --port and --host.").close()
    server.serve(
        host, port, HEALTHY, names=names, on_ready=lambda running: click.echo(f"A simulated Onfido is at {running.url}")
    )
