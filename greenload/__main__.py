"""Where a greenload process begins: everything below is patched to wait green before anything else is imported."""

from gevent import monkey

monkey.patch_all()

from greenload.cli import main  # noqa: E402  # the law of this file: patch first

if __name__ == "__main__":
    main()
