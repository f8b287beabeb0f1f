import sys

from prefprop_cli.cli.app import main

sys.exit(main())
