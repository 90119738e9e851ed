"""`accelerate launch … -m gladius_widgets.training --run DIR --attempt N`."""

from gladius_widgets.training.entry import main

if __name__ == "__main__":
    main()
