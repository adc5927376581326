"""Where a greenload process begins: everything below is patched to wait green before anything else is imported."""

from gevent import events, monkey

# While it patches, gevent asks 25 times whether an installed package has a plug-in for it, and reads all there are each
# time: with fifty packages a third of the time that `greenload --help` takes. Here nobody wants one.
events.notify_and_call_entry_points = events.notify  # type: ignore[attr-defined,unused-ignore]
monkey.patch_all()

from greenload.cli import main  # noqa: E402  # the law of this file: patch first

if __name__ == "__main__":
    main()
